{#
  A Delta table at the version that the build pinned: `{{ pinned('minimised', 'police_record') }}`.

  A city without the feed has no such table: then an empty relation with the columns and types that the source
  declares, so that the same models run for every city.
#}
{% macro pinned(kind, name) -%}
  {%- set declared = source(kind, name) -%}
  {%- set table = var('source_tables', {}).get(kind ~ '__' ~ name) -%}
  {%- if '__dbt__cte__' in declared | string -%}
    {# A unit test hands in rows of its own. #}
    {{ return(declared) }}
  {%- elif var('lineage', false) -%}
    {# Compiled to be read (infra/build/lineage.py): which source it is, not where it lies. #}
    {{ return(declared) }}
  {%- elif table -%}
    {{ return(adapter.dispatch('delta_at', 'telaga')(table)) }}
  {%- else -%}
    {{ return(empty_source(kind, name)) }}
  {%- endif -%}
{%- endmacro %}

{% macro default__delta_at(table) -%}
  delta.`{{ table.uri }}` version as of {{ table.version }}
{%- endmacro %}

{% macro duckdb__delta_at(table) -%}
  delta_scan('{{ table.uri | replace("'", "''") }}', version => {{ table.version }})
{%- endmacro %}

{% macro empty_source(kind, name) -%}
  {%- if not execute -%}
    {{ return(source(kind, name)) }}
  {%- endif -%}
  {%- set nodes = graph.sources.values() | selectattr('source_name', 'equalto', kind) | selectattr('name', 'equalto', name) | list -%}
  {%- set columns = [] -%}
  {%- for column in nodes[0].columns.values() -%}
    {%- do columns.append('cast(null as ' ~ source_type(column.data_type) ~ ') as ' ~ column.name) -%}
  {%- endfor -%}
  {{ return('(select ' ~ columns | join(', ') ~ ' where 1 = 0)') }}
{%- endmacro %}

{# The types of entities.yaml in words that DuckDB and Spark both know. #}
{% macro source_type(logical_type) -%}
  {{ return({'integer': 'bigint', 'number': 'double'}.get(logical_type, logical_type)) }}
{%- endmacro %}

{# Freshness against the build's own clock: `now` is the end of the as-of day, and sources are the pinned tables. #}
{% macro collect_freshness(source, loaded_at_field, filter) -%}
  {% call statement('collect_freshness', fetch_result=True, auto_begin=False) -%}
    select
      max({{ loaded_at_field }}) as max_loaded_at,
      cast('{{ var("as_of") }} 23:59:59' as timestamp) as snapshotted_at
    from {{ pinned(source.schema, source.identifier) }}
    {% if filter %}where {{ filter }}{% endif %}
  {%- endcall %}
  {{ return(load_result('collect_freshness')) }}
{%- endmacro %}
