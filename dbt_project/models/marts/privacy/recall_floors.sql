select
    feed,
    column_name,
    found_by,
    measured_by,
    cast(round(recall_floor, 4) as decimal(5, 4)) as recall_floor,
    cast(round(recall, 4) as decimal(5, 4)) as recall,
    cast(round(recall_lower, 4) as decimal(5, 4)) as recall_lower,
    spans,
    samples_reviewed,
    first_landed,
    due_on,
    status,
    is_held,
    is_lifted,
    is_synthetic,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from {{ ref('stg_recall_floor') }}
