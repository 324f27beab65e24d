select
    region_code,
    uptime_local_date as local_date,
    count(*) as n_camera_days,
    sum(uptime_hours) as uptime_hours
from {{ ref('stg_camera_uptime') }}
where
    region_code is not null
    and uptime_local_date <= {{ as_of_date() }}
group by region_code, uptime_local_date
