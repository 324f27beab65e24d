select
    cast(feed as string) as feed,
    cast(kind as string) as kind,
    cast(subject as string) as subject,
    cast(event as string) as event,
    cast(detail as string) as detail,
    cast(logged_at as timestamp) as logged_at,
    {{ local_day('logged_at') }} as logged_local_date
from {{ pinned('control', 'alerts') }}
