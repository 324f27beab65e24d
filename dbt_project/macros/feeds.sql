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

{# Last city-local day of data whose period ends at a moment (itself excluded); as-of at the latest. #}
{% macro last_day_of_data(period_end) -%}
  case
    when {{ period_end }} is not null
      then least({{ local_day(dbt.dateadd('second', -1, period_end)) }}, {{ as_of_date() }})
  end
{%- endmacro %}

{# Hours between the end of a feed's last day of data and the end of the as-of day. #}
{% macro late_hours(last_day) -%}
  24 * ({{ dbt.datediff(last_day, as_of_date(), 'day') }})
{%- endmacro %}
