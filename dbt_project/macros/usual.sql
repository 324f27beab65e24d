{#
  How a value of each batch compares with the feed's earlier ones, as governance/findings.py has it: the median of
  those that can be compared (same column, action, finder and kind; a quarter to four times the narratives; a day
  before, at most a year ago), and their MAD. `values` is a CTE of feed, column_name, action, found_by, batch_id, day,
  narratives, the columns of `kind`, and measured (null where there is nothing to share by).

  Gives the CTEs numbered (the values with a value_id), middles (measured_usual, earlier_batches) and spreads
  (measured_spread), both by value_id: a year of pairs is compared by two numbers instead of by seven names.
#}
{% macro usual_of(values, kind=[]) -%}
  {%- set same = ['feed', 'column_name', 'action', 'found_by'] + kind %}
numbered as (
    select
        *,
        row_number() over (order by {{ (same + ['batch_id']) | join(', ') }}) as value_id,
        dense_rank() over (order by {{ same | join(', ') }}) as kind_id
    from {{ values }}
),

pairs as (
    select
        this_one.value_id,
        earlier.measured as earlier_measured
    from numbered as this_one
    inner join numbered as earlier
        on
            this_one.kind_id = earlier.kind_id
            and earlier.day < this_one.day
            and earlier.day >= {{ dbt.dateadd('day', -365, 'this_one.day') }}
            and 4 * earlier.narratives >= this_one.narratives
            and earlier.narratives <= 4 * this_one.narratives
    where earlier.measured is not null
),

middles as (
    select
        value_id,
        median(earlier_measured) as measured_usual,
        count(*) as earlier_batches
    from pairs
    group by value_id
),

spreads as (
    select
        pairs.value_id,
        median(abs(pairs.earlier_measured - middles.measured_usual)) as measured_spread
    from pairs
    inner join middles on pairs.value_id = middles.value_id
    group by pairs.value_id
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
