select
    region_code,
    plan_local_date as local_date,
    cast(sum(patrol_minutes) as bigint) as patrol_minutes,
    cast(sum(patrol_minutes * coalesce(officers, 1)) as bigint) as officer_minutes
from {{ ref('stg_patrol_plan') }}
where
    plan_local_date <= {{ as_of_date() }}
    and {{ is_touched('patrol_plan', 'plan_local_date') }}
group by region_code, plan_local_date
{{ and_kept('patrol_plan', ['region_code', 'local_date', 'patrol_minutes', 'officer_minutes']) }}
