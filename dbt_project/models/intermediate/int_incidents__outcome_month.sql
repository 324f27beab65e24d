-- Cleared records of each region of each level by the month they occurred in.
select
    ancestors.ancestor_code as region_code,
    {{ month_start('records.occurred_local_date') }} as month_start,
    count(records.outcome) as n_with_outcome,
    cast(sum(case when records.outcome = 'cleared' then 1 else 0 end) as bigint) as n_cleared
from {{ ref('stg_police_record') }} as records
inner join {{ ref('int_region_ancestors') }} as ancestors
    on records.region_code = ancestors.region_code
where
    records.occurred_local_date <= {{ as_of_date() }}
    and records.reported_by = 'citizen'
group by ancestors.ancestor_code, {{ month_start('records.occurred_local_date') }}
