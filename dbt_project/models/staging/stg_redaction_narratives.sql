select
    cast(run_id as string) as run_id,
    cast(feed as string) as feed,
    cast(batch_id as string) as batch_id,
    cast({{ quoted('column') }} as string) as column_name,
    cast(action as string) as action,
    cast(found_by as string) as found_by,
    cast(narratives as bigint) as narratives,
    cast(touched as bigint) as touched,
    cast(protected as bigint) as protected,
    cast(refused as bigint) as refused,
    cast(logged_at as timestamp) as logged_at,
    {{ local_day('logged_at') }} as logged_local_date
from {{ pinned('control', 'redaction_narratives') }}
