-- Citizen-reported records at the place where they happened: stations, hospitals and centroids are no hotspots.
select
    h3_cell,
    occurred_local_date as local_date,
    {{ hour_band('occurred_local_hour') }} as hour_band,
    category,
    count(*) as n
from {{ ref('stg_police_record') }}
where
    h3_cell is not null
    and reported_by = 'citizen'
    and location_quality = 'exact'
    and occurred_local_date <= {{ as_of_date() }}
    and {{ is_touched('police_record', 'occurred_local_date') }}
group by h3_cell, occurred_local_date, {{ hour_band('occurred_local_hour') }}, category
{{ and_kept('police_record', ['h3_cell', 'local_date', 'hour_band', 'category', 'n']) }}
