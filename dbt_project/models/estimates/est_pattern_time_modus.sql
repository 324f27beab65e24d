select
    cast(region_code as string) as region_code,
    cast(category as string) as category,
    cast(modus as string) as modus,
    cast(weekday_band as string) as weekday_band,
    cast(weekday_from as bigint) as weekday_from,
    cast(weekday_to as bigint) as weekday_to,
    cast(hour_band as string) as hour_band,
    cast(hour_from as bigint) as hour_from,
    cast(hour_to as bigint) as hour_to,
    cast(observed as double) as observed,
    cast(expected as double) as expected,
    cast(ratio as double) as ratio,
    cast(is_unusual as boolean) as is_unusual,
    cast(method_version as string) as method_version
from {{ pinned('estimates', 'pattern_time_modus') }}
