select
    cast(feed as string) as feed,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(region_code as string) as region_code,
    cast(indicator as string) as indicator,
    cast(year as bigint) as year,
    cast(value as decimal(18, 4)) as value,
    cast(unit as string) as unit
from {{ pinned('minimised', 'area_indicator') }}
