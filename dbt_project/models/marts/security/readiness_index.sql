-- Readiness beside the index and never part of it: lights may not buy off violence. Each declared dimension on
-- goalposts that city.yaml fixes; one without data withholds the value and says which.
{%- set declared = var('readiness') %}
with index_level as (
    select max(level_rank) as level_rank
    from {{ ref('int_regions') }}
    where level = '{{ var("index_level") }}'
),

spine as (
    select
        regions.region_code,
        regions.region_name,
        regions.level,
        regions.level_title,
        regions.area_km2,
        periods.period_start,
        periods.period_label,
        periods.is_latest
    from {{ ref('int_regions') }} as regions
    cross join index_level
    inner join {{ ref('int_periods') }} as periods on periods.period_type = 'quarter'
    where regions.level_rank <= index_level.level_rank
),

response as (
    select
        region_code,
        {{ quarter_start('month_start') }} as period_start,
        cast(sum(n_arrived) as bigint) as n_arrived,
        cast(sum(n_arrived_in_standard) as bigint) as n_in_standard
    from {{ ref('int_calls__region_month') }}
    group by region_code, {{ quarter_start('month_start') }}
),

lights as (
    select
        region_code,
        n
    from {{ ref('int_places__region') }}
    where layer = 'light'
),

lit as (
    select count(*) as n
    from lights
),

-- Where nobody says of a wider region, the mean of its parts by people.
layers as (
    select
        ancestors.ancestor_code as region_code,
        indicators.indicator,
        cast(
            sum(cast(indicators.indicator_value as decimal(18, 4)) * regions.population)
            / sum(regions.population) as decimal(18, 4)
        ) as layer_value
    from {{ ref('int_area_indicators') }} as indicators
    inner join {{ ref('int_regions') }} as regions on indicators.region_code = regions.region_code
    inner join {{ ref('int_region_ancestors') }} as ancestors on indicators.region_code = ancestors.region_code
    where regions.population > 0 and regions.level = '{{ var("index_level") }}'
    group by ancestors.ancestor_code, indicators.indicator
),

measured as (
    select
        spine.*,
        cast({{ guarded_percent('response.n_in_standard', 'response.n_arrived') }} as decimal(18, 4)) as response_raw,
        case
            when spine.area_km2 > 0 then cast(coalesce(lights.n, 0) / spine.area_km2 as decimal(18, 4))
        end as lighting_raw,
        transport.layer_value as transport_raw,
        planning.layer_value as planning_raw,
        lit.n as n_lit
    from spine
    cross join lit
    left join response
        on spine.region_code = response.region_code and spine.period_start = response.period_start
    left join lights on spine.region_code = lights.region_code
    left join layers as transport
        on spine.region_code = transport.region_code and transport.indicator = 'transit_access_share'
    left join layers as planning
        on spine.region_code = planning.region_code and planning.indicator = 'planned_growth_share'
),

scored as (
    select
        measured.*,
        {{ readiness_score('response', 'measured.response_raw') }} as response_score,
        {{ readiness_score('lighting', 'case when measured.n_lit > 0 then measured.lighting_raw end') }}
            as lighting_score,
        {{ readiness_score('transport', 'measured.transport_raw') }} as transport_score,
        {{ readiness_score('planning', 'measured.planning_raw') }} as planning_score
    from measured
),

judged as (
    select
        scored.*,
        case
        {%- for said in declared %}
            when {{ said.name }}_score is null then 'Tidak ada data dimensi {{ said.title }}'
            {%- endfor %}
            when {{ declared | length }} = 0 then 'city.yaml tidak menyatakan dimensi kesiapan'
        end as status_reason
    from scored
)

select
    region_code,
    region_name,
    level,
    level_title,
    period_start,
    period_label,
    case
        when status_reason is null then
            cast(
                round(
                    ({% for said in declared %}{{ said.name }}_score{{ ' + ' if not loop.last }}{% else %}0{% endfor %})
                    / {{ [declared | length, 1] | max }}.0,
                    0
                ) as decimal(5, 1)
            )
    end as readiness_value,
    response_score,
    lighting_score,
    transport_score,
    planning_score,
    case when status_reason is null then 'published' else 'withheld' end as status,
    status_reason,
    is_latest,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from judged
