select
    cast(feed as string) as feed,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(region_code as string) as region_code,
    cast(year as bigint) as year,
    cast(population as bigint) as population,
    cast(is_official as boolean) as is_official
from {{ pinned('minimised', 'population') }}
