-- What a regional head opens of the own region: each indicator of the latest complete quarter beside the one before.
with quarters as (
    select
        period_start,
        period_label,
        is_latest
    from {{ ref('int_periods') }}
    where period_type = 'quarter'
),

response as (
    select
        region_code,
        {{ quarter_start('month_start') }} as period_start,
        {{ guarded_percent('sum(n_arrived_in_standard)', 'sum(n_arrived)') }} as indicator_value
    from {{ ref('int_calls__region_month') }}
    group by region_code, {{ quarter_start('month_start') }}
),

clearance as (
    select
        region_code,
        {{ quarter_start('month_start') }} as period_start,
        {{ guarded_percent('sum(n_cleared)', 'sum(n_with_outcome)') }} as indicator_value
    from {{ ref('int_incidents__outcome_month') }}
    group by region_code, {{ quarter_start('month_start') }}
),

measured as (
    select
        region_code,
        period_start,
        'region_security_index' as indicator,
        cast(index_value as decimal(8, 1)) as indicator_value,
        -- A move inside its interval is none that can be told.
        case
            when change_previous_lower > 0 or change_previous_upper < 0 then true
            when change_previous is not null then false
        end as is_clear
    from {{ ref('region_security_index') }}
    where period_type = 'quarter'

    union all

    select
        region_code,
        period_start,
        'readiness_index' as indicator,
        cast(readiness_value as decimal(8, 1)) as indicator_value,
        cast(null as boolean) as is_clear
    from {{ ref('readiness_index') }}

    union all

    select
        region_code,
        period_start,
        'response_within_standard_share' as indicator,
        cast(indicator_value as decimal(8, 1)) as indicator_value,
        cast(null as boolean) as is_clear
    from response

    union all

    select
        region_code,
        period_start,
        'clearance_share' as indicator,
        cast(indicator_value as decimal(8, 1)) as indicator_value,
        cast(null as boolean) as is_clear
    from clearance
)

select
    now.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    now.indicator,
    case now.indicator
        when 'region_security_index' then 'Indeks keamanan wilayah'
        when 'readiness_index' then 'Indeks kesiapan'
        when 'response_within_standard_share' then 'Petugas tiba sesuai standar (%)'
        else 'Perkara selesai (%)'
    end as indicator_title,
    quarters.period_label,
    now.indicator_value as value,
    before.indicator_value as value_before,
    case
        when now.indicator_value is null then 'tidak_ada'
        when before.indicator_value is null then 'tanpa_pembanding'
        when now.is_clear = false or now.indicator_value = before.indicator_value then 'tetap'
        when now.indicator_value > before.indicator_value then 'membaik'
        else 'memburuk'
    end as direction,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from measured as now
inner join quarters on now.period_start = quarters.period_start and quarters.is_latest
inner join {{ ref('int_regions') }} as regions on now.region_code = regions.region_code
left join measured as before
    on
        now.region_code = before.region_code
        and now.indicator = before.indicator
        and before.period_start = cast({{ dbt.dateadd('month', -3, 'now.period_start') }} as date)
