select
    cast(feed as string) as feed,
    cast(entity as string) as entity,
    cast(batch_id as string) as batch_id,
    cast(event as string) as event,
    cast(status as string) as status,
    cast({{ quoted('read') }} as bigint) as rows_read,
    cast(accepted as bigint) as rows_accepted,
    cast(duplicate as bigint) as rows_duplicate,
    cast(quarantined as bigint) as rows_quarantined,
    cast(reason as string) as reason,
    cast(period_to as timestamp) as period_to,
    cast(logged_at as timestamp) as logged_at,
    {{ local_day('logged_at') }} as logged_local_date
from {{ pinned('control', 'batch_log') }}
