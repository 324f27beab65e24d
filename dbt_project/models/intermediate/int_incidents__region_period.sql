-- Citizen-reported records of each region of each level, a region's own and those of all that lie in it. Records
-- that officers or cameras brought up measure their work and not safety: they end here.
with counted as (
    select
        ancestors.ancestor_code as region_code,
        incidents.local_date,
        incidents.category,
        incidents.n
    from {{ ref('int_incidents__region_day') }} as incidents
    inner join {{ ref('int_region_ancestors') }} as ancestors
        on incidents.region_code = ancestors.region_code
    where incidents.reported_by = 'citizen'
),

by_month as (
    select
        region_code,
        'month' as period_type,
        {{ month_start('local_date') }} as period_start,
        category,
        cast(sum(n) as bigint) as n
    from counted
    group by region_code, {{ month_start('local_date') }}, category
),

by_quarter as (
    select
        region_code,
        'quarter' as period_type,
        {{ quarter_start('period_start') }} as period_start,
        category,
        cast(sum(n) as bigint) as n
    from by_month
    group by region_code, {{ quarter_start('period_start') }}, category
)

select
    region_code,
    period_type,
    period_start,
    category,
    n
from by_month
union all
select
    region_code,
    period_type,
    period_start,
    category,
    n
from by_quarter
