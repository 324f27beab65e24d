{# In each row the parts add up to the total: nothing that was read is unaccounted for. #}
{% test sums_across(model, parts, total) %}
select {{ total }}
from {{ model }}
where {{ parts | join(' + ') }} <> {{ total }}
{% endtest %}
