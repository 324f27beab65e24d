{# A model lands in the schema its folder names (staging, intermediate, marts), never in `main_marts`. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
