{#
  A build counts the local days again that new commits touched and keeps the others from the last finished build
  (infra/build/touched.py names both). Without names, as in a first build, everything is counted.
#}
{% macro is_touched(entity, day) -%}
  {%- if entity in var('touched', {}) -%}
    {{ day }} in ({{ touched_days(entity) }})
  {%- else -%}
    true
  {%- endif -%}
{%- endmacro %}

{# The rows of this aggregate's other days as they were counted then; `columns` in the order of the select above. #}
{% macro and_kept(entity, columns, day='local_date') -%}
  {%- if entity in var('touched', {}) -%}
    union all
    select {{ columns | join(', ') }}
    from {{ adapter.dispatch('delta_at', 'telaga')(var('touched')[entity].kept[model.name]) }}
    where {{ day }} not in ({{ touched_days(entity) }})
  {%- endif -%}
{%- endmacro %}

{# No day at all is a day that nothing happened on: an empty list is no SQL. #}
{% macro touched_days(entity) -%}
  {%- for day in var('touched')[entity].days or ['0001-01-01'] -%}
    cast('{{ day }}' as date){% if not loop.last %}, {% endif %}
  {%- endfor -%}
{%- endmacro %}
