select
    cast(dimension as string) as dimension,
    cast(best as double) as best,
    cast(worst as double) as worst,
    cast(unit as string) as unit,
    cast(base_from as date) as base_from,
    cast(base_to as date) as base_to,
    cast(method_version as string) as method_version
from {{ pinned('estimates', 'region_index_goalposts') }}
