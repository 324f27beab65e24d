{# A column whose name is a keyword, quoted as the engine wants it. #}
{% macro quoted(name) -%}
  {{ return(adapter.quote(name)) }}
{%- endmacro %}
