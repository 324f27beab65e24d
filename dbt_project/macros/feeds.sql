{# The city's contracts as rows: feed, entity, title, freshness_hours. #}
{% macro feed_rows() -%}
  {%- for feed in var('feeds') %}
  select
    '{{ feed.feed | replace("'", "''") }}' as feed,
    '{{ feed.entity }}' as entity,
    '{{ feed.title | replace("'", "''") }}' as title,
    cast({{ feed.freshness_hours }} as decimal(10, 1)) as freshness_hours
  {%- if not loop.last %}
  union all
  {%- endif %}
  {%- else %}
  select
    cast(null as {{ dbt.type_string() }}) as feed,
    cast(null as {{ dbt.type_string() }}) as entity,
    cast(null as {{ dbt.type_string() }}) as title,
    cast(null as decimal(10, 1)) as freshness_hours
  where 1 = 0
  {%- endfor %}
{%- endmacro %}

{# Hours between the end of a feed's data and the end of the as-of day, both city-local. #}
{% macro late_hours(data_until_at) -%}
  24 * ({{ dbt.datediff(local_day(data_until_at), as_of_date(), 'day') }})
{%- endmacro %}
