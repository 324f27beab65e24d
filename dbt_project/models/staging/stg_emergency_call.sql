select
    cast(feed as string) as feed,
    cast(record_key as string) as record_key,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(category as string) as category,
    cast(channel as string) as channel,
    cast(received_at as timestamp) as received_at,
    cast(received_local_date as date) as received_local_date,
    cast(received_local_hour as bigint) as received_local_hour,
    cast(answer_seconds as bigint) as answer_seconds,
    cast(dispatch_seconds as bigint) as dispatch_seconds,
    cast(arrival_seconds as bigint) as arrival_seconds,
    cast(h3_cell as string) as h3_cell,
    cast(region_code as string) as region_code,
    cast(location_quality as string) as location_quality
from {{ pinned('minimised', 'emergency_call') }}
