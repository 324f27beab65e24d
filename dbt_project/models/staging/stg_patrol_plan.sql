select
    cast(feed as string) as feed,
    cast(record_key as string) as record_key,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(unit_type as string) as unit_type,
    cast(region_code as string) as region_code,
    cast(plan_local_date as date) as plan_local_date,
    cast(patrol_minutes as bigint) as patrol_minutes,
    cast(officers as bigint) as officers
from {{ pinned('minimised', 'patrol_plan') }}
