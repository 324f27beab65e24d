select
    cast(feed as string) as feed,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(region_code as string) as region_code,
    cast(name as string) as region_name,
    cast(level as string) as level,
    cast(parent_code as string) as parent_code,
    cast(area_km2 as decimal(18, 4)) as area_km2,
    cast(boundary_json as string) as boundary_json,
    cast(is_boundary_approximate as boolean) as is_boundary_approximate
from {{ pinned('minimised', 'region') }}
