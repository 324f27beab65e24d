select
    cast(feed as string) as feed,
    cast(record_key as string) as record_key,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(indicator as string) as indicator,
    cast(region_code as string) as region_code,
    cast(year as bigint) as year,
    cast(target as decimal(18, 4)) as target,
    cast(unit as string) as unit,
    cast(direction as string) as direction
from {{ pinned('minimised', 'indicator_target') }}
