select
    cast(feed as string) as feed,
    cast(record_key as string) as record_key,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(layer as string) as layer,
    cast(h3_cell as string) as h3_cell,
    cast(region_code as string) as region_code,
    cast(location_quality as string) as location_quality
from {{ pinned('minimised', 'place') }}
