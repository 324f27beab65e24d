select
    cast(feed as string) as feed,
    cast(record_key as string) as record_key,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(event_type as string) as event_type,
    cast(event_count as bigint) as event_count,
    cast(occurred_at as timestamp) as occurred_at,
    cast(occurred_local_date as date) as occurred_local_date,
    cast(occurred_local_hour as bigint) as occurred_local_hour,
    cast(h3_cell as string) as h3_cell,
    cast(region_code as string) as region_code,
    cast(location_quality as string) as location_quality
from {{ pinned('minimised', 'camera_event') }}
