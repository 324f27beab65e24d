-- Records at a place where another lay within a year before, of each region of each level by month; landing says so of
-- the exact point, which is gone by then.
select
    ancestors.ancestor_code as region_code,
    {{ month_start('records.occurred_local_date') }} as month_start,
    count(records.is_repeat_location) as n_known,
    cast(sum(case when records.is_repeat_location then 1 else 0 end) as bigint) as n_repeat
from {{ ref('stg_police_record') }} as records
inner join {{ ref('int_region_ancestors') }} as ancestors
    on records.region_code = ancestors.region_code
where
    records.occurred_local_date <= {{ as_of_date() }}
    and records.reported_by = 'citizen'
group by ancestors.ancestor_code, {{ month_start('records.occurred_local_date') }}
