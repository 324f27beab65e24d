select
    cast(feed as string) as feed,
    cast(entity as string) as entity,
    cast(as_of as date) as counted_on,
    cast({{ quoted('rows') }} as bigint) as rows_counted,
    cast(unique_rows as bigint) as rows_unique
from {{ pinned('control', 'uniqueness') }}
