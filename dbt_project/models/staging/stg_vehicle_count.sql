select
    cast(feed as string) as feed,
    cast(region_code as string) as region_code,
    cast(h3_cell as string) as h3_cell,
    cast(occurred_local_date as date) as occurred_local_date,
    cast(occurred_local_hour as bigint) as occurred_local_hour,
    cast(count(distinct plate_token) as bigint) as vehicles
from {{ pinned('minimised', 'camera_event') }}
where plate_token is not null
group by feed, region_code, h3_cell, occurred_local_date, occurred_local_hour
