-- Every indicator that is measured or has a target, its value beside the target of its year.
with regions as (
    select
        region_code,
        region_name,
        level,
        level_rank
    from {{ ref('int_regions') }}
    where level_rank <= 2
),

-- A target without a region holds for the whole: the coarsest regions.
targets as (
    select
        targets.indicator,
        regions.region_code,
        targets.year,
        targets.target,
        targets.unit,
        targets.direction,
        row_number() over (
            partition by targets.indicator, regions.region_code, targets.year
            order by case when targets.region_code is null then 1 else 0 end, targets.feed, targets.target
        ) as preference
    from {{ ref('stg_indicator_target') }} as targets
    inner join regions
        on
            targets.region_code = regions.region_code
            or (targets.region_code is null and regions.level_rank = 1)
    where targets.year <= extract(year from {{ as_of_date() }})
),

target_years as (
    select
        indicator,
        region_code,
        year,
        target,
        unit,
        direction
    from targets
    where preference = 1
),

-- The index itself is an indicator too, where it is shown; the value of a year is that of its last quarter.
measured as (
    select
        region_code,
        indicator,
        period_type,
        period_start,
        indicator_value
    from {{ ref('int_indicators') }}
    union all
    select
        region_code,
        'region_security_index' as indicator,
        period_type,
        period_start,
        cast(index_value as decimal(12, 1)) as indicator_value
    from {{ ref('region_security_index') }}
    where period_type = 'quarter'
    union all
    select
        region_code,
        'region_security_index' as indicator,
        'year' as period_type,
        {{ year_start('period_start') }} as period_start,
        cast(index_value as decimal(12, 1)) as indicator_value
    from {{ ref('region_security_index') }}
    where period_type = 'quarter' and extract(quarter from period_start) = 4
),

grain as (
    select
        region_code,
        indicator,
        period_type,
        period_start
    from measured
    union
    select
        region_code,
        indicator,
        'year' as period_type,
        cast(concat(cast(year as string), '-01-01') as date) as period_start
    from target_years
),

joined as (
    select
        grain.region_code,
        grain.indicator,
        grain.period_type,
        grain.period_start,
        measured.indicator_value,
        target_years.target,
        coalesce(target_years.unit, indicators.unit) as unit,
        coalesce(target_years.direction, indicators.direction) as direction,
        coalesce(indicators.title_id, grain.indicator) as indicator_title,
        cast(extract(year from grain.period_start) as bigint) as year
    from grain
    left join measured
        on
            grain.region_code = measured.region_code
            and grain.indicator = measured.indicator
            and grain.period_type = measured.period_type
            and grain.period_start = measured.period_start
    left join target_years
        on
            grain.region_code = target_years.region_code
            and grain.indicator = target_years.indicator
            and extract(year from grain.period_start) = target_years.year
    left join {{ ref('reference_indicator') }} as indicators
        on grain.indicator = indicators.indicator
)

select
    joined.indicator,
    joined.indicator_title,
    joined.region_code,
    regions.region_name,
    regions.level,
    joined.period_type,
    joined.period_start,
    case
        when joined.period_type = 'year' then cast(joined.year as string)
        else concat(
            cast(joined.year as string), '-Q', cast(extract(quarter from joined.period_start) as string)
        )
    end as period_label,
    joined.indicator_value as value,
    cast(joined.target as decimal(18, 2)) as target,
    joined.unit,
    joined.direction,
    case
        when joined.indicator_value is null then 'belum_terukur'
        when joined.target is null then 'tanpa_target'
        -- Rates and hours grow through a year: a part of them is not held against the target of the year.
        when
            joined.indicator in ('incident_rate', 'patrol_hours')
            and (
                joined.period_type = 'quarter'
                or {{ period_end('joined.period_type', 'joined.period_start') }} > {{ as_of_date() }}
            )
            then 'dipantau'
        when joined.direction = 'lower_is_better' and joined.indicator_value <= joined.target then 'tercapai'
        when joined.direction = 'higher_is_better' and joined.indicator_value >= joined.target then 'tercapai'
        else 'belum_tercapai'
    end as status,
    {{ period_end('joined.period_type', 'joined.period_start') }} <= {{ as_of_date() }} as is_complete,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from joined
inner join regions on joined.region_code = regions.region_code
