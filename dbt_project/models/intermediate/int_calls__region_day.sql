-- Emergency calls: how many, how many with each stamp, and how many within the standard of 110.
select
    region_code,
    received_local_date as local_date,
    category,
    count(*) as n,
    count(answer_seconds) as n_answered,
    cast(sum(case when answer_seconds <= {{ var('answer_standard_seconds') }} then 1 else 0 end) as bigint)
        as n_answered_in_standard,
    count(dispatch_seconds) as n_dispatched,
    count(arrival_seconds) as n_arrived,
    cast(sum(case when arrival_seconds <= {{ var('arrival_standard_seconds') }} then 1 else 0 end) as bigint)
        as n_arrived_in_standard
from {{ ref('stg_emergency_call') }}
where
    region_code is not null
    and received_local_date <= {{ as_of_date() }}
    and {{ is_touched('emergency_call', 'received_local_date') }}
group by region_code, received_local_date, category
{{ and_kept('emergency_call', [
    'region_code', 'local_date', 'category', 'n', 'n_answered', 'n_answered_in_standard', 'n_dispatched', 'n_arrived',
    'n_arrived_in_standard']) }}
