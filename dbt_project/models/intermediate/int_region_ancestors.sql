-- Regions of the city's declared levels with each region they lie in, themselves included.
with levels as (
    {{ level_rows() }}
),

regions as (
    select
        regions.region_code,
        regions.parent_code,
        levels.level_rank
    from {{ ref('stg_region') }} as regions
    inner join levels on regions.level = levels.level
),

step_0 as (
    select
        region_code,
        level_rank,
        region_code as ancestor_code,
        level_rank as ancestor_rank,
        parent_code as next_code
    from regions
)
{%- for step in range(1, var('levels') | length) %},

step_{{ step }} as (
    select
        below.region_code,
        below.level_rank,
        above.region_code as ancestor_code,
        above.level_rank as ancestor_rank,
        above.parent_code as next_code
    from step_{{ step - 1 }} as below
    inner join regions as above on below.next_code = above.region_code
)
{%- endfor %}

{% for step in range(var('levels') | length) %}
select
    region_code,
    level_rank,
    ancestor_code,
    ancestor_rank
from step_{{ step }}
{% if not loop.last %}union all{% endif %}
{% endfor %}
