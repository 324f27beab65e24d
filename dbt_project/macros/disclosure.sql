{#
  What may leave of a count: '0', '<8' for 1 - 7, else the count rounded to 5. Raw small counts stay in the build.
#}
{% macro count_band(count) -%}
  case
    when {{ count }} is null then null
    when {{ count }} = 0 then '0'
    when {{ count }} < 8 then '<8'
    else cast({{ rounded_count(count) }} as {{ dbt.type_string() }})
  end
{%- endmacro %}

{# A count to the nearest 5, as an integer. #}
{% macro rounded_count(count) -%}
  cast(floor((cast({{ count }} as bigint) + 2) / 5) * 5 as bigint)
{%- endmacro %}

{# Share in percent, one decimal, null where fewer than 8 lie under it. #}
{% macro guarded_percent(part, whole) -%}
  case when {{ whole }} >= 8 then cast(round(100.0 * ({{ part }}) / ({{ whole }}), 0) as decimal(5, 1)) end
{%- endmacro %}
