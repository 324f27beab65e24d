with newest as (
    select max(week_start) as week_start
    from {{ ref('est_risk_surface') }}
)

select
    surface.h3_cell,
    cast(cells.resolution as bigint) as resolution,
    surface.week_start,
    surface.hour_band,
    {{ told_ratio('surface.relative_risk') }} as relative_risk,
    {{ told_ratio('surface.risk_lower', 'floor') }} as risk_lower,
    {{ told_ratio('surface.risk_upper', 'ceil') }} as risk_upper,
    surface.basis_cell,
    cast(surface.basis_resolution as bigint) as basis_resolution,
    cast(round(surface.area_rank_percent, 2) as decimal(6, 2)) as area_rank_percent,
    surface.area_rank_percent <= 1 as is_top_1_percent,
    surface.area_rank_percent <= 5 as is_top_5_percent,
    surface.area_rank_percent <= 10 as is_top_10_percent,
    cells.region_code,
    regions.region_name,
    cells.boundary_json,
    surface.week_start = newest.week_start as is_latest,
    surface.status,
    '{{ var("data_label") }}' as data_label,
    surface.method_version,
    {{ as_of_date() }} as as_of
from {{ ref('est_risk_surface') }} as surface
cross join newest
inner join {{ ref('est_city_cells') }} as cells on surface.h3_cell = cells.h3_cell
left join {{ ref('int_regions') }} as regions on cells.region_code = regions.region_code
