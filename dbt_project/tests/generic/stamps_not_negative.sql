{# A duration between two stamps is never negative: its stamps would be swapped or set by clocks that disagree. #}
{% test stamps_not_negative(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where
  {% for column in columns -%}
  {{ column }} < 0{% if not loop.last %} or {% endif %}
  {% endfor %}
{% endtest %}
