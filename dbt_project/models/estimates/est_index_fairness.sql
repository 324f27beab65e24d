select
    cast(measure as string) as measure,
    cast(subject as string) as subject,
    cast(value as double) as value,
    cast(value_lower as double) as value_lower,
    cast(value_upper as double) as value_upper,
    cast(reference as double) as reference,
    cast(is_flagged as boolean) as is_flagged,
    cast(status_reason as string) as status_reason,
    cast(method_version as string) as method_version
from {{ pinned('estimates', 'index_fairness') }}
