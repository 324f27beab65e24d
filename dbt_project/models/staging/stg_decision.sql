select
    cast(feed as string) as feed,
    cast(batch_id as string) as batch_id,
    cast(decision as string) as decision,
    cast(reason as string) as reason,
    cast(logged_at as timestamp) as logged_at,
    {{ local_day('logged_at') }} as logged_local_date
from {{ pinned('control', 'decisions') }}
