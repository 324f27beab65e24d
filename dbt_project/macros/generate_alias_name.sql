{#
  The newest version of a mart is the mart: it keeps its plain name, so that dashboards and readers go on. An older
  version, which lives one release beside it as deprecated, is <mart>_v<number>.
#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
  {%- if custom_alias_name -%}
    {{ custom_alias_name | trim }}
  {%- elif node.version and node.version | string != node.latest_version | string -%}
    {{ node.name ~ '_v' ~ node.version }}
  {%- else -%}
    {{ node.name }}
  {%- endif -%}
{%- endmacro %}
