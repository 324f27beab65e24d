-- A run writes the whole tally of a batch: the lines of its newest run replace those before.
with lines as (
    select
        *,
        first_value(run_id) over (
            partition by feed, batch_id
            order by logged_at desc, run_id desc
        ) as newest_run_id
    from {{ ref('stg_redaction') }}
)

select
    feed,
    column_name,
    action,
    classification,
    coalesce(entity_type, '') as entity_type,
    logged_local_date as day,
    cast(sum(rows_seen) as bigint) as rows_seen,
    cast(sum(rows_affected) as bigint) as rows_affected,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from lines
where run_id = newest_run_id
group by
    feed,
    column_name,
    action,
    classification,
    coalesce(entity_type, ''),
    logged_local_date
