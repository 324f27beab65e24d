-- Detections by camera: they tell where cameras look, and are kept apart from what citizens report.
select
    region_code,
    occurred_local_date as local_date,
    event_type,
    cast(sum(event_count) as bigint) as n
from {{ ref('stg_camera_event') }}
where
    region_code is not null
    and occurred_local_date <= {{ as_of_date() }}
    and {{ is_touched('camera_event', 'occurred_local_date') }}
group by region_code, occurred_local_date, event_type
{{ and_kept('camera_event', ['region_code', 'local_date', 'event_type', 'n']) }}
