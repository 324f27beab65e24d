{# The parts of each `group_by` add up to `total`, a column that is the same in all of its rows, exactly. #}
{% test sums_to(model, column_name, group_by, total) %}
select {{ group_by | join(', ') }}
from {{ model }}
group by {{ group_by | join(', ') }}
having sum({{ column_name }}) <> max({{ total }})
{% endtest %}
