select
    region_code,
    uptime_local_date as local_date,
    count(*) as n_camera_days,
    cast(sum(uptime_hours) as decimal(38, 2)) as uptime_hours
from {{ ref('stg_camera_uptime') }}
where
    region_code is not null
    and uptime_local_date <= {{ as_of_date() }}
    and {{ is_touched('camera_uptime', 'uptime_local_date') }}
group by region_code, uptime_local_date
{{ and_kept('camera_uptime', ['region_code', 'local_date', 'n_camera_days', 'uptime_hours']) }}
