{# Columns rise (or stay) from left to right in each row, as a lower bound, a value and an upper bound do. #}
{% test ordered(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where
  {% for column in columns[1:] -%}
  {{ columns[loop.index0] }} > {{ column }}{% if not loop.last %} or {% endif %}
  {% endfor %}
{% endtest %}
