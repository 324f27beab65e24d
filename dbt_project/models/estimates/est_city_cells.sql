select
    cast(h3_cell as string) as h3_cell,
    cast(resolution as bigint) as resolution,
    cast(region_code as string) as region_code,
    cast(boundary_json as string) as boundary_json
from {{ pinned('estimates', 'city_cells') }}
