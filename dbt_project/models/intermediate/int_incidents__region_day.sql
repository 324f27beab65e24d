-- Each record once, in the finest region it lies in; what no region is known for is in int_incidents__completeness.
select
    region_code,
    occurred_local_date as local_date,
    category,
    reported_by,
    count(*) as n
from {{ ref('stg_police_record') }}
where
    region_code is not null
    and occurred_local_date <= {{ as_of_date() }}
    and {{ is_touched('police_record', 'occurred_local_date') }}
group by region_code, occurred_local_date, category, reported_by
{{ and_kept('police_record', ['region_code', 'local_date', 'category', 'reported_by', 'n']) }}
