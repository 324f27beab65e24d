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
from {{ ref('stg_redaction') }}
group by
    feed,
    column_name,
    action,
    classification,
    coalesce(entity_type, ''),
    logged_local_date
