{# City-local day of a UTC timestamp. #}
{% macro local_day(timestamp) -%}
  {{ return(adapter.dispatch('local_day', 'telaga')(timestamp)) }}
{%- endmacro %}

{% macro default__local_day(timestamp) -%}
  cast(from_utc_timestamp({{ timestamp }}, '{{ var("time_zone") }}') as date)
{%- endmacro %}

{% macro duckdb__local_day(timestamp) -%}
  cast(timezone('{{ var("time_zone") }}', cast({{ timestamp }} as timestamptz)) as date)
{%- endmacro %}
