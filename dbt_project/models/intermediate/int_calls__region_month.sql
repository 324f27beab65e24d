-- Response of each region of each level by month. Medians and ninetieth percentiles need the single durations, so
-- they are taken here, at the grain that is shown, and not from the daily counts.
select
    ancestors.ancestor_code as region_code,
    {{ month_start('calls.received_local_date') }} as month_start,
    count(*) as n,
    count(calls.answer_seconds) as n_answered,
    cast(sum(case when calls.answer_seconds <= {{ var('answer_standard_seconds') }} then 1 else 0 end) as bigint)
        as n_answered_in_standard,
    count(calls.dispatch_seconds) as n_dispatched,
    count(calls.arrival_seconds) as n_arrived,
    cast(sum(case when calls.arrival_seconds <= {{ var('arrival_standard_seconds') }} then 1 else 0 end) as bigint)
        as n_arrived_in_standard,
    cast(percentile_cont(0.5) within group (order by calls.answer_seconds) as decimal(12, 1)) as answer_seconds_median,
    cast(percentile_cont(0.9) within group (order by calls.answer_seconds) as decimal(12, 1)) as answer_seconds_p90,
    cast(percentile_cont(0.5) within group (order by calls.arrival_seconds) as decimal(12, 1))
        as arrival_seconds_median,
    cast(percentile_cont(0.9) within group (order by calls.arrival_seconds) as decimal(12, 1)) as arrival_seconds_p90
from {{ ref('stg_emergency_call') }} as calls
inner join {{ ref('int_region_ancestors') }} as ancestors
    on calls.region_code = ancestors.region_code
where calls.received_local_date <= {{ as_of_date() }}
group by ancestors.ancestor_code, {{ month_start('calls.received_local_date') }}
