select
    cast(region_code as string) as region_code,
    cast(period_type as string) as period_type,
    cast(period_start as date) as period_start,
    cast(dimension as string) as dimension,
    cast(category_group as string) as category_group,
    cast(category_group_title as string) as category_group_title,
    cast(share_points as double) as share_points
from {{ pinned('estimates', 'region_index_components') }}
