{# None of `columns` is null: one reading of the relation instead of one for each column. #}
{% test complete(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where
  {% for column in columns -%}
  {{ column }} is null{% if not loop.last %} or {% endif %}
  {% endfor %}
{% endtest %}
