{#
  How a value of each batch compares with the feed's earlier ones, as governance/findings.py has it: the median of
  those that can be compared (same column, action, finder and kind; a quarter to four times the narratives; a day
  before, at most a year ago), and their MAD. `values` is a CTE of feed, column_name, action, found_by, batch_id, day,
  narratives, the columns of `kind`, and measured (null where there is nothing to share by).

  Gives the CTEs middles (measured_usual, earlier_batches) and spreads (measured_spread), both by batch and kind.
#}
{% macro usual_of(values, kind=[]) -%}
  {%- set same = ['feed', 'column_name', 'action', 'found_by'] + kind -%}
  {%- set one = same + ['batch_id'] %}
pairs as (
    select
        {% for name in one -%} this_one.{{ name }}, {% endfor %}
        earlier.measured as earlier_measured
    from {{ values }} as this_one
    inner join {{ values }} as earlier
        on
            {% for name in same -%} this_one.{{ name }} = earlier.{{ name }} and {% endfor %}
            earlier.day < this_one.day
            and earlier.day >= {{ dbt.dateadd('day', -365, 'this_one.day') }}
            and 4 * earlier.narratives >= this_one.narratives
            and earlier.narratives <= 4 * this_one.narratives
    where earlier.measured is not null
),

middles as (
    select
        {{ one | join(', ') }},
        median(earlier_measured) as measured_usual,
        count(*) as earlier_batches
    from pairs
    group by {{ one | join(', ') }}
),

spreads as (
    select
        {% for name in one -%} pairs.{{ name }}, {% endfor %}
        median(abs(pairs.earlier_measured - middles.measured_usual)) as measured_spread
    from pairs
    inner join middles
        on {% for name in one -%} pairs.{{ name }} = middles.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
    group by {% for name in one -%} pairs.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
)
{%- endmacro %}

{# Under 14 earlier batches nothing is usual; else whether a value lies over three robust deviations, and a point, away. #}
{% macro deviation_of(measured) -%}
  {%- set usual = 'middles.measured_usual' -%}
  {%- set most = 'greatest(3 * 1.4826 * spreads.measured_spread, 1.0)' -%}
  case
    when coalesce(middles.earlier_batches, 0) < 14 or {{ measured }} is null then 'no_usual_yet'
    when {{ measured }} - {{ usual }} > {{ most }} then 'high'
    when {{ usual }} - {{ measured }} > {{ most }} then 'low'
    else 'usual'
  end
{%- endmacro %}

{# The joins of each batch to what usual_of made. #}
{% macro beside_usual(values, kind=[]) -%}
  {%- set one = ['feed', 'column_name', 'action', 'found_by', 'batch_id'] + kind %}
  {%- for cte in ['middles', 'spreads'] %}
left join {{ cte }}
    on {% for name in one -%} {{ values }}.{{ name }} = {{ cte }}.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
  {%- endfor %}
{%- endmacro %}
