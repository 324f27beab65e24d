select
    cast(feed as string) as feed,
    cast(record_key as string) as record_key,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(uptime_date as date) as uptime_local_date,
    cast(uptime_hours as decimal(10, 2)) as uptime_hours,
    cast(region_code as string) as region_code
from {{ pinned('minimised', 'camera_uptime') }}
