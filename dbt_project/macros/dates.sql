{# Calendar of the build, worked out from as-of while the models compile: no model asks the machine for the date. #}

{% macro as_of_date() -%}
  cast('{{ var("as_of") }}' as date)
{%- endmacro %}

{% macro month_start(day) -%}
  cast({{ dbt.date_trunc('month', day) }} as date)
{%- endmacro %}

{% macro quarter_start(day) -%}
  cast({{ dbt.date_trunc('quarter', day) }} as date)
{%- endmacro %}

{#
  The complete periods that end on or before as-of, newest first: months (var index_months) and the quarters that
  lie wholly within them. Each: type, start, end (inclusive), label, is_latest.
#}
{% macro complete_periods() -%}
  {%- set day = modules.datetime.date.fromisoformat(var('as_of') | string) -%}
  {%- set one = modules.datetime.timedelta(days=1) -%}
  {%- set next_day = day + one -%}
  {%- set month = next_day.replace(day=1) -%}
  {%- set periods = [] -%}
  {%- set state = namespace(start=month, latest_quarter=true) -%}
  {%- for _ in range(var('index_months') | int) -%}
    {%- set end = state.start - one -%}
    {%- set state.start = end.replace(day=1) -%}
    {%- do periods.append({
      'type': 'month', 'start': state.start.isoformat(), 'end': end.isoformat(),
      'label': state.start.strftime('%Y-%m'), 'is_latest': loop.first}) -%}
    {%- if end.month % 3 == 0 and loop.index0 + 3 <= var('index_months') | int -%}
      {%- set first = end.replace(day=1, month=end.month - 2) -%}
      {%- do periods.append({
        'type': 'quarter', 'start': first.isoformat(), 'end': end.isoformat(),
        'label': first.year ~ '-Q' ~ (end.month // 3), 'is_latest': state.latest_quarter}) -%}
      {%- set state.latest_quarter = false -%}
    {%- endif -%}
  {%- endfor -%}
  {{ return(periods) }}
{%- endmacro %}

{# Six-hour band of a local hour. #}
{% macro hour_band(hour) -%}
  case
    when {{ hour }} < 6 then '00-06'
    when {{ hour }} < 12 then '06-12'
    when {{ hour }} < 18 then '12-18'
    else '18-24'
  end
{%- endmacro %}

{% macro year_start(day) -%}
  cast({{ dbt.date_trunc('year', day) }} as date)
{%- endmacro %}

{# Last day of the month, quarter or year that starts on a day. #}
{% macro period_end(period_type, period_start) -%}
  case {{ period_type }}
    when 'month' then cast({{ dbt.dateadd('day', -1, dbt.dateadd('month', 1, period_start)) }} as date)
    when 'quarter' then cast({{ dbt.dateadd('day', -1, dbt.dateadd('month', 3, period_start)) }} as date)
    else cast({{ dbt.dateadd('day', -1, dbt.dateadd('month', 12, period_start)) }} as date)
  end
{%- endmacro %}

{# '2026-05' of a month's first day. #}
{% macro month_label(month_start) -%}
  concat(
    cast(extract(year from {{ month_start }}) as {{ dbt.type_string() }}), '-',
    lpad(cast(extract(month from {{ month_start }}) as {{ dbt.type_string() }}), 2, '0')
  )
{%- endmacro %}

{# Seconds as minutes in halves: any finer, a median of few calls would tell how many there were. #}
{% macro minutes(seconds) -%}
  cast(round({{ seconds }} / 30.0, 0) / 2 as decimal(8, 1))
{%- endmacro %}

{# Whole months from the month of a day to that of as-of. From first days: dbt's macro errs on Spark at months' ends. #}
{% macro months_after(day) -%}
  {{ dbt.datediff(month_start(day), month_start(as_of_date()), 'month') }}
{%- endmacro %}
