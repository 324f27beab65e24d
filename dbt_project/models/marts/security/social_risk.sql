-- Security beside what planning, transport and social layers say of a region, each in fifths of the regions: a picture
-- of where burdens meet, no cause and no score of its own.
with layers as (
    select
        region_code,
        {%- for indicator in ['poverty_share', 'unemployment_share', 'school_dropout_share', 'population_density',
            'transit_access_share', 'planned_growth_share'] %}
    cast(round(max(case when indicator = '{{ indicator }}' then indicator_value end), 1) as decimal(12, 1))
        as {{ indicator }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ ref('int_area_indicators') }}
    group by region_code
),

newest as (
    select
        region_code,
        region_name,
        level,
        level_title,
        period_start,
        period_label,
        index_value,
        status
    from {{ ref('region_security_index') }}
    where period_type = 'quarter' and is_latest and level = '{{ var("index_level") }}'
),

joined as (
    select
        newest.*,
        layers.poverty_share,
        layers.unemployment_share,
        layers.school_dropout_share,
        layers.population_density,
        layers.transit_access_share,
        layers.planned_growth_share
    from newest
    left join layers on newest.region_code = layers.region_code
),

fifths as (
    select
        joined.*,
        {%- for column, order in [('index_value', 'asc'), ('poverty_share', 'desc'), ('unemployment_share', 'desc'),
            ('school_dropout_share', 'desc'), ('transit_access_share', 'asc')] %}
    case
        when {{ column }} is not null then
            ntile(5) over (
                partition by case when {{ column }} is null then 1 else 0 end
                order by {{ column }} {{ order }}, joined.region_code asc
                )
    end as {{ column }}_fifth{{ ',' if not loop.last }}
    {%- endfor %}
    from joined
)

select
    region_code,
    region_name,
    level,
    level_title,
    period_label,
    index_value,
    poverty_share,
    unemployment_share,
    school_dropout_share,
    population_density,
    transit_access_share,
    planned_growth_share,
    cast(index_value_fifth as bigint) as security_fifth,
    cast(
        case when poverty_share_fifth = 1 then 1 else 0 end
        + case when unemployment_share_fifth = 1 then 1 else 0 end
        + case when school_dropout_share_fifth = 1 then 1 else 0 end
        + case when transit_access_share_fifth = 1 then 1 else 0 end as bigint
    ) as layers_in_worst_fifth,
    case when index_value is null then 'withheld' else 'published' end as status,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from fifths
