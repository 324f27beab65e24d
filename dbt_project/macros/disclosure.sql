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

{#
  A ratio in twelfths of a decade (1, 1.21, 1.47, 1.78, 2.15, ...), rounded `round`, `floor` or `ceil`: a step is a
  fifth of the value, so that neither the events behind it nor those left over of a wider cell can be counted.
#}
{% macro told_ratio(ratio, how='round') -%}
  cast(
    case
      when {{ ratio }} is null then null
      when {{ ratio }} <= 0.01 then 0
      else round(power(10.0, cast({{ how }}(12 * log10({{ ratio }})) as double) / 12), 2)
    end as decimal(8, 2)
  )
{%- endmacro %}

{# A count to the nearest 5, as an integer. #}
{% macro rounded_count(count) -%}
  cast(floor((cast(({{ count }}) as bigint) + 2) / 5) * 5 as bigint)
{%- endmacro %}

{#
  What a count stands for wherever a number is made of it: 0, 4 for 1 - 7, else the count to the nearest 5. What is
  summed or divided after this tells no more of a count than its band does.
#}
{% macro shown_count(count) -%}
  cast(
    case
      when {{ count }} is null then null
      when {{ count }} = 0 then 0
      when {{ count }} < 8 then 4
      else {{ rounded_count(count) }}
    end as bigint
  )
{%- endmacro %}

{# Share in whole percent of what the two counts show, null where fewer than 8 lie under it. #}
{% macro guarded_percent(part, whole) -%}
  case
    when {{ whole }} >= 8 then
      cast(round(100.0 * {{ shown_count(part) }} / {{ shown_count(whole) }}, 0) as decimal(5, 1))
  end
{%- endmacro %}

{#
  A share of records from 0 to 1 in steps of a twentieth, rounded down; null where a step would be fewer than 8.
  1 is said only of all of them.
#}
{% macro share_band(share, whole) -%}
  case when {{ whole }} >= 160 then cast(floor({{ share }} * 20) / 20.0 as decimal(4, 3)) end
{%- endmacro %}
