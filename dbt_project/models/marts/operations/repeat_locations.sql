-- How much of a quarter happened where something had happened within a year: a share of the region, never the places.
with quarters as (
    select
        region_code,
        {{ quarter_start('month_start') }} as period_start,
        cast(sum(n_known) as bigint) as n_known,
        cast(sum(n_repeat) as bigint) as n_repeat
    from {{ ref('int_incidents__repeat_month') }}
    group by region_code, {{ quarter_start('month_start') }}
)

select
    quarters.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    quarters.period_start,
    periods.period_label,
    {{ guarded_percent('quarters.n_repeat', 'quarters.n_known') }} as repeat_percent,
    quarters.n_known >= 8 as is_published,
    periods.is_latest,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from quarters
inner join {{ ref('int_periods') }} as periods
    on periods.period_type = 'quarter' and quarters.period_start = periods.period_start
inner join {{ ref('int_regions') }} as regions on quarters.region_code = regions.region_code
