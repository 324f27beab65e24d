{#
  A contract's not_null on Spark, whose Parquet tables take no constraint: asked of the finished table. DuckDB refuses
  the row itself.
#}
{% macro spark__persist_constraints(relation, model) -%}
  {%- set required = [] -%}
  {%- for column in model.columns.values() -%}
    {%- if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
      {%- do required.append(column.name) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- if model.config.contract.enforced and required -%}
    {%- set counted -%}
      select {% for name in required %}count(*) - count({{ adapter.quote(name) }}){% if not loop.last %}, {% endif %}{% endfor %}
      from {{ relation }}
    {%- endset -%}
    {%- for missing in run_query(counted).rows[0].values() -%}
      {%- if missing -%}
        {%- do exceptions.raise_compiler_error(
          model.name ~ '.' ~ required[loop.index0] ~ ' is null in ' ~ missing ~ ' rows, which its contract forbids') -%}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}
