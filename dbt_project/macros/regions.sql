{# The levels of city.yaml as rows: level, level_title, level_rank (1 = coarsest). #}
{% macro level_rows() -%}
  {%- for level in var('levels') %}
  select
    '{{ level.key }}' as level,
    '{{ level.title | replace("'", "''") }}' as level_title,
    {{ loop.index }} as level_rank
  {%- if not loop.last %}
  union all
  {%- endif %}
  {%- endfor %}
{%- endmacro %}
