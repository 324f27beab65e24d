{# Every level is one that city.yaml declares: a region of another level would vanish from every mart. #}
{% test declared_level(model, column_name) %}
select {{ column_name }}
from {{ model }}
where
  {{ column_name }} is null
  or {{ column_name }} not in ('{{ var("levels") | map(attribute="key") | join("', '") }}')
{% endtest %}
