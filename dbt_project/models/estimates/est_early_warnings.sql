select
    cast(region_code as string) as region_code,
    cast(kind as string) as kind,
    cast(category_group as string) as category_group,
    cast(category_group_title as string) as category_group_title,
    cast(period_type as string) as period_type,
    cast(period_start as date) as period_start,
    cast(period_end as date) as period_end,
    cast(window_days as bigint) as window_days,
    cast(observed as bigint) as observed,
    cast(expected as double) as expected,
    cast(bound as double) as bound,
    cast(is_signal as boolean) as is_signal,
    cast(level as string) as level,
    cast(driver_part as string) as driver_part,
    cast(other_methods as string) as other_methods,
    cast(method_version as string) as method_version
from {{ pinned('estimates', 'early_warnings') }}
