-- Cases cleared of those whose outcome is known, by the quarter they happened in: those of late are still open.
with quarters as (
    select
        region_code,
        {{ quarter_start('month_start') }} as period_start,
        cast(sum(n_with_outcome) as bigint) as n_with_outcome,
        cast(sum(n_cleared) as bigint) as n_cleared
    from {{ ref('int_incidents__outcome_month') }}
    group by region_code, {{ quarter_start('month_start') }}
)

select
    quarters.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    quarters.period_start,
    periods.period_label,
    {{ guarded_percent('quarters.n_cleared', 'quarters.n_with_outcome') }} as cleared_percent,
    {{ guarded_percent('before.n_cleared', 'before.n_with_outcome') }} as cleared_percent_year_before,
    quarters.n_with_outcome >= 8 as is_published,
    periods.is_latest,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from quarters
inner join {{ ref('int_periods') }} as periods
    on periods.period_type = 'quarter' and quarters.period_start = periods.period_start
inner join {{ ref('int_regions') }} as regions on quarters.region_code = regions.region_code
left join quarters as before
    on
        quarters.region_code = before.region_code
        and before.period_start = cast({{ dbt.dateadd('month', -12, 'quarters.period_start') }} as date)
