{#
  A measure between the goalposts that city.yaml fixes for a dimension of readiness: 0 at `worst`, 100 at `best`, cut at
  both, in whole points. Null where the city declares no such dimension. A null is kept apart: the greatest and the
  least of a null and a number are the number.
#}
{% macro readiness_score(name, measure) -%}
  {%- set stated = var('readiness') | selectattr('name', 'equalto', name) | list -%}
  {%- if stated -%}
    case
      when {{ measure }} is not null then
        cast(
          round(
            100 * greatest(
              0, least(1, ({{ measure }} - {{ stated[0].worst }}) / ({{ stated[0].best }} - {{ stated[0].worst }}))
            ), 0
          ) as decimal(5, 1)
        )
    end
  {%- else -%}
    cast(null as decimal(5, 1))
  {%- endif -%}
{%- endmacro %}
