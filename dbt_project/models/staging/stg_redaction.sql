select
    cast(run_id as string) as run_id,
    cast(feed as string) as feed,
    cast(batch_id as string) as batch_id,
    cast({{ quoted('column') }} as string) as column_name,
    cast(classification as string) as classification,
    cast(action as string) as action,
    cast(entity_type as string) as entity_type,
    cast({{ quoted('rows') }} as bigint) as rows_seen,
    cast(affected as bigint) as rows_affected,
    cast(logged_at as timestamp) as logged_at,
    {{ local_day('logged_at') }} as logged_local_date
from {{ pinned('control', 'redaction') }}
