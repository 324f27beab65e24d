-- When and how, of two years: citizen-reported records of the second level (of the first where a city has two) by the
-- hour and weekday (0 = Monday) they began, and by how many hours the beginning may lie before the end.
{%- set rank = [2, [1, (var('levels') | length) - 1] | max] | min %}
select
    ancestors.ancestor_code as region_code,
    records.category,
    records.modus_code as modus,
    coalesce(records.modus_code, 'none') as modus_or_none,
    cast(
        mod({{ dbt.datediff("cast('2000-01-03' as date)", 'records.occurred_local_date', 'day') }}, 7) as bigint
    ) as weekday,
    records.occurred_local_hour as hour,
    coalesce(records.occurred_span_hours, 0) as span_hours,
    count(*) as n
from {{ ref('stg_police_record') }} as records
inner join {{ ref('int_region_ancestors') }} as ancestors
    on records.region_code = ancestors.region_code and ancestors.ancestor_rank = {{ rank }}
where
    records.reported_by = 'citizen'
    and records.occurred_local_date <= {{ as_of_date() }}
    and records.occurred_local_date > cast({{ dbt.dateadd('day', -730, as_of_date()) }} as date)
group by
    ancestors.ancestor_code,
    records.category,
    records.modus_code,
    mod({{ dbt.datediff("cast('2000-01-03' as date)", 'records.occurred_local_date', 'day') }}, 7),
    records.occurred_local_hour,
    coalesce(records.occurred_span_hours, 0)
