-- What indicators of oversight measure, at the two coarsest levels, by quarter and year. Rates stand on counts
-- rounded to 5 and are withheld under 8: no count can be had back from them. What is summed over a period that has
-- ended needs all of its months: half a year's crime is not the year's.
with regions as (
    select
        region_code,
        population
    from {{ ref('int_regions') }}
    where level_rank <= 2
),

by_month as (
    select
        incidents.region_code,
        'incident_rate' as indicator,
        incidents.period_start as month_start,
        cast(sum(incidents.n) as decimal(20, 2)) as numerator,
        cast(null as decimal(20, 2)) as denominator
    from {{ ref('int_incidents__region_period') }} as incidents
    inner join {{ ref('reference_category') }} as categories
        on incidents.category = categories.category
    where
        incidents.period_type = 'month'
        and categories.counts_in_index
    group by incidents.region_code, incidents.period_start

    union all

    select
        region_code,
        'clearance_share' as indicator,
        month_start,
        cast(n_cleared as decimal(20, 2)) as numerator,
        cast(n_with_outcome as decimal(20, 2)) as denominator
    from {{ ref('int_incidents__outcome_month') }}

    union all

    select
        region_code,
        'answer_within_standard_share' as indicator,
        month_start,
        cast(n_answered_in_standard as decimal(20, 2)) as numerator,
        cast(n_answered as decimal(20, 2)) as denominator
    from {{ ref('int_calls__region_month') }}

    union all

    select
        region_code,
        'response_within_standard_share' as indicator,
        month_start,
        cast(n_arrived_in_standard as decimal(20, 2)) as numerator,
        cast(n_arrived as decimal(20, 2)) as denominator
    from {{ ref('int_calls__region_month') }}

    union all

    select
        ancestors.ancestor_code as region_code,
        'camera_uptime_share' as indicator,
        {{ month_start('uptime.local_date') }} as month_start,
        cast(sum(uptime.uptime_hours) as decimal(20, 2)) as numerator,
        cast(sum(uptime.n_camera_days * 24) as decimal(20, 2)) as denominator
    from {{ ref('int_camera_uptime__region_day') }} as uptime
    inner join {{ ref('int_region_ancestors') }} as ancestors
        on uptime.region_code = ancestors.region_code
    group by ancestors.ancestor_code, {{ month_start('uptime.local_date') }}

    union all

    select
        ancestors.ancestor_code as region_code,
        'patrol_hours' as indicator,
        {{ month_start('patrol.local_date') }} as month_start,
        cast(sum(patrol.patrol_minutes) / 60.0 as decimal(20, 2)) as numerator,
        cast(null as decimal(20, 2)) as denominator
    from {{ ref('int_patrol__region_day') }} as patrol
    inner join {{ ref('int_region_ancestors') }} as ancestors
        on patrol.region_code = ancestors.region_code
    group by ancestors.ancestor_code, {{ month_start('patrol.local_date') }}
),

months as (
    select distinct
        indicator,
        month_start
    from by_month
),

months_known as (
    select
        indicator,
        'quarter' as period_type,
        {{ quarter_start('month_start') }} as period_start,
        count(*) = 3 as has_all
    from months
    group by indicator, {{ quarter_start('month_start') }}

    union all

    select
        indicator,
        'year' as period_type,
        {{ year_start('month_start') }} as period_start,
        count(*) = 12 as has_all
    from months
    group by indicator, {{ year_start('month_start') }}
),

by_quarter as (
    select
        region_code,
        indicator,
        {{ quarter_start('month_start') }} as period_start,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from by_month
    group by region_code, indicator, {{ quarter_start('month_start') }}
),

-- Records of a year are the sum of what its quarters show: none can be had back from the others and the year.
by_period as (
    select
        region_code,
        indicator,
        'quarter' as period_type,
        period_start,
        numerator,
        denominator
    from by_quarter

    union all

    select
        region_code,
        indicator,
        'year' as period_type,
        {{ year_start('period_start') }} as period_start,
        sum(case when indicator = 'incident_rate' then {{ shown_count('numerator') }} else numerator end) as numerator,
        sum(denominator) as denominator
    from by_quarter
    group by region_code, indicator, {{ year_start('period_start') }}

    union all

    select
        region_code,
        'budget_realised_share' as indicator,
        'year' as period_type,
        cast(concat(cast(fiscal_year as string), '-01-01') as date) as period_start,
        realised_idr as numerator,
        budget_idr as denominator
    from {{ ref('int_budget__region_year') }}
)

select
    by_period.region_code,
    by_period.indicator,
    by_period.period_type,
    by_period.period_start,
    case
        when
            by_period.indicator in ('incident_rate', 'patrol_hours')
            and not months_known.has_all
            and {{ period_end('by_period.period_type', 'by_period.period_start') }} <= {{ as_of_date() }}
            then null
        when by_period.indicator = 'incident_rate'
            then
                case
                    when by_period.numerator >= 8 and regions.population > 0 then
                        cast(
                            round({{ rounded_count('by_period.numerator') }} * 100000.0 / regions.population, 1)
                            as decimal(12, 1)
                        )
                end
        when by_period.indicator = 'patrol_hours'
            then
                cast(round(by_period.numerator, 0) as decimal(12, 1))
        when
            by_period.indicator in (
                'clearance_share', 'answer_within_standard_share', 'response_within_standard_share'
            )
            then
                cast({{ guarded_percent('by_period.numerator', 'by_period.denominator') }} as decimal(12, 1))
        -- Hours and money count neither events nor persons.
        when by_period.denominator > 0 then
            cast(round(100.0 * by_period.numerator / by_period.denominator, 0) as decimal(12, 1))
    end as indicator_value
from by_period
inner join regions on by_period.region_code = regions.region_code
left join months_known
    on
        by_period.indicator = months_known.indicator
        and by_period.period_type = months_known.period_type
        and by_period.period_start = months_known.period_start
where by_period.period_start <= {{ as_of_date() }}
