select
    cast(feed as string) as feed,
    cast(batch_id as string) as batch_id,
    cast(rule as string) as rule,
    cast({{ quoted('rows') }} as bigint) as rows_kept,
    {{ local_day('sealed_at') }} as sealed_local_date
from {{ pinned('control', 'quarantine') }}
