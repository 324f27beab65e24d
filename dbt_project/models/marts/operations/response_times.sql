with calls as (
    select * from {{ ref('int_calls__region_month') }}
)

select
    calls.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    regions.parent_code,
    calls.month_start,
    {{ month_label('calls.month_start') }} as period_label,
    {{ count_band('calls.n') }} as calls_band,
    {{ guarded_percent('calls.n_answered_in_standard', 'calls.n_answered') }} as answered_in_standard_percent,
    {{ guarded_percent('calls.n_arrived_in_standard', 'calls.n_arrived') }} as arrived_in_standard_percent,
    {{ guarded_percent('calls.n - calls.n_answered', 'calls.n') }} as answer_missing_percent,
    {{ guarded_percent('calls.n - calls.n_arrived', 'calls.n') }} as arrival_missing_percent,
    case when calls.n_answered >= 8 then calls.answer_seconds_median end as answer_seconds_median,
    case when calls.n_answered >= 8 then calls.answer_seconds_p90 end as answer_seconds_p90,
    case when calls.n_arrived >= 8 then {{ minutes('calls.arrival_seconds_median') }} end as arrival_minutes_median,
    case when calls.n_arrived >= 8 then {{ minutes('calls.arrival_seconds_p90') }} end as arrival_minutes_p90,
    calls.n >= 8 as is_published,
    {{ period_end("'month'", 'calls.month_start') }} <= {{ as_of_date() }} as is_complete,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from calls
inner join {{ ref('int_regions') }} as regions on calls.region_code = regions.region_code
