{#
  A model lands in the schema its folder names (staging, intermediate, marts), never in `main_marts`. DuckDB's file is
  one build's own; on a Spark server, which builds share, the build's prefix goes before it.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ return(adapter.dispatch('schema_name', 'telaga')((custom_schema_name or target.schema) | trim)) }}
{%- endmacro %}

{% macro default__schema_name(name) -%}
  {{ return(name) }}
{%- endmacro %}

{% macro spark__schema_name(name) -%}
  {{ return(name if name == target.schema else target.schema ~ '_' ~ name) }}
{%- endmacro %}
