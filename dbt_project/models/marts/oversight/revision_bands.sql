-- How much of a month's records was still missing so many months after it ended: what later releases revise.
with ages as (
    select 0 as age_months
    {%- for age in range(1, 6) %}
    union all
    select {{ age }} as age_months
    {%- endfor %}
),

-- Months that ended half a year ago: what comes later still is little.
by_month as (
    select
        lags.month_start,
        ages.age_months,
        cast(sum(lags.n) as bigint) as n,
        cast(sum(case when lags.lag_months > ages.age_months then lags.n else 0 end) as bigint) as n_missing
    from {{ ref('int_incidents__report_lag') }} as lags
    cross join ages
    where cast({{ dbt.dateadd('month', 7, 'lags.month_start') }} as date) <= {{ as_of_date() }}
    group by lags.month_start, ages.age_months
),

shares as (
    select
        age_months,
        cast(100.0 * n_missing / n as decimal(7, 3)) as missing_percent
    from by_month
    where n >= 100
)

select
    cast(age_months as bigint) as age_months,
    cast(count(*) as bigint) as months_compared,
    cast(round(percentile_cont(0.5) within group (order by missing_percent), 0) as decimal(5, 1)) as revised_percent,
    cast(round(percentile_cont(0.95) within group (order by missing_percent), 0) as decimal(5, 1))
        as revised_percent_upper,
    percentile_cont(0.95) within group (order by missing_percent) < 5 as is_settled,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from shares
group by age_months
