-- How much of a period's records the map and the index can place, and whether the period has data at all: a month
-- that records hardly span (the first or last of a delivery, or a gap) must not read as a month without crime.
with records as (
    select
        {{ month_start('occurred_local_date') }} as month_start,
        occurred_local_date,
        region_code,
        location_quality,
        is_synthetic
    from {{ ref('stg_police_record') }}
    where occurred_local_date <= {{ as_of_date() }}
),

by_month as (
    select
        month_start,
        count(*) as n,
        count(region_code) as n_located,
        sum(case when location_quality = 'exact' then 1 else 0 end) as n_exact,
        {{ dbt.datediff('min(occurred_local_date)', 'max(occurred_local_date)', 'day') }} + 1 as days_spanned,
        {{ dbt.datediff('month_start', dbt.dateadd('month', 1, 'month_start'), 'day') }} as days_in_month,
        max(case when is_synthetic then 1 else 0 end) as has_synthetic
    from records
    group by month_start
),

judged as (
    select
        month_start,
        n,
        n_located,
        n_exact,
        has_synthetic,
        case when days_spanned >= {{ var('covered_share') }} * days_in_month then 1 else 0 end as is_covered
    from by_month
),

by_quarter as (
    select
        {{ quarter_start('month_start') }} as quarter_start,
        cast(sum(n) as bigint) as n,
        cast(sum(n_located) as bigint) as n_located,
        cast(sum(n_exact) as bigint) as n_exact,
        cast(sum(is_covered) as bigint) as months_covered,
        max(has_synthetic) as has_synthetic
    from judged
    group by {{ quarter_start('month_start') }}
)

select
    'month' as period_type,
    month_start as period_start,
    n,
    n_located,
    cast(n_exact as bigint) as n_exact,
    cast(round(1.0 * n_located / n, 3) as decimal(4, 3)) as located_share,
    cast(round(1.0 * n_exact / n, 3) as decimal(4, 3)) as exact_share,
    is_covered = 1 as is_covered,
    has_synthetic = 1 as has_synthetic
from judged
union all
select
    'quarter' as period_type,
    quarter_start as period_start,
    n,
    n_located,
    n_exact,
    cast(round(1.0 * n_located / n, 3) as decimal(4, 3)) as located_share,
    cast(round(1.0 * n_exact / n, 3) as decimal(4, 3)) as exact_share,
    months_covered = 3 as is_covered,
    has_synthetic = 1 as has_synthetic
from by_quarter
