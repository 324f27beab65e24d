with calls as (
    select * from {{ ref('int_calls__region_month') }}
),

-- Of a region of the index's level the band is the count's own; a wider region shows the sum of the bands in it, so
-- that no part can be had back from the whole.
counted as (
    select
        ancestors.ancestor_code as region_code,
        calls.month_start,
        cast(sum({{ shown_count('calls.n') }}) as bigint) as n
    from calls
    inner join {{ ref('int_regions') }} as regions on calls.region_code = regions.region_code
    inner join {{ ref('int_region_ancestors') }} as ancestors on calls.region_code = ancestors.region_code
    where regions.level = '{{ var("index_level") }}'
    group by ancestors.ancestor_code, calls.month_start
)

select
    calls.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    regions.parent_code,
    calls.month_start,
    {{ month_label('calls.month_start') }} as period_label,
    {{ count_band('counted.n') }} as calls_band,
    {{ guarded_percent('calls.n_answered_in_standard', 'calls.n_answered') }} as answered_in_standard_percent,
    {{ guarded_percent('calls.n_arrived_in_standard', 'calls.n_arrived') }} as arrived_in_standard_percent,
    {{ guarded_percent('calls.n - calls.n_answered', 'calls.n') }} as answer_missing_percent,
    {{ guarded_percent('calls.n - calls.n_arrived', 'calls.n') }} as arrival_missing_percent,
    case when calls.n_answered >= 8 then cast(round(calls.answer_seconds_median, 0) as decimal(12, 1)) end
        as answer_seconds_median,
    case when calls.n_answered >= 8 then cast(round(calls.answer_seconds_p90, 0) as decimal(12, 1)) end
        as answer_seconds_p90,
    case when calls.n_arrived >= 8 then {{ minutes('calls.arrival_seconds_median') }} end as arrival_minutes_median,
    case when calls.n_arrived >= 8 then {{ minutes('calls.arrival_seconds_p90') }} end as arrival_minutes_p90,
    calls.n >= 8 as is_published,
    {{ period_end("'month'", 'calls.month_start') }} <= {{ as_of_date() }} as is_complete,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from calls
inner join {{ ref('int_regions') }} as regions on calls.region_code = regions.region_code
left join counted
    on calls.region_code = counted.region_code and calls.month_start = counted.month_start
