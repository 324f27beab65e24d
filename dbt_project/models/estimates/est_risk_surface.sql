select
    cast(h3_cell as string) as h3_cell,
    cast(week_start as date) as week_start,
    cast(hour_band as string) as hour_band,
    cast(relative_risk as double) as relative_risk,
    cast(risk_lower as double) as risk_lower,
    cast(risk_upper as double) as risk_upper,
    cast(basis_cell as string) as basis_cell,
    cast(basis_resolution as bigint) as basis_resolution,
    cast(area_rank_percent as double) as area_rank_percent,
    cast(status as string) as status,
    cast(method_version as string) as method_version
from {{ pinned('estimates', 'risk_surface') }}
