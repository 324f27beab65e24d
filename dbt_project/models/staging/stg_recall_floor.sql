select
    cast(feed as string) as feed,
    cast(entity as string) as entity,
    cast({{ quoted('column') }} as string) as column_name,
    cast(found_by as string) as found_by,
    cast(source as string) as measured_by,
    cast(recall_floor as double) as recall_floor,
    cast(recall as double) as recall,
    cast(recall_lower as double) as recall_lower,
    cast(spans as bigint) as spans,
    cast(reviewed as bigint) as samples_reviewed,
    cast(first_landed as date) as first_landed,
    cast(due_on as date) as due_on,
    cast(status as string) as status,
    cast(is_held as boolean) as is_held,
    cast(is_lifted as boolean) as is_lifted,
    cast(is_synthetic as boolean) as is_synthetic
from {{ pinned('control', 'recall_floors') }}
