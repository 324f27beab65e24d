select
    cast(run_id as string) as run_id,
    cast(feed as string) as feed,
    cast(batch_id as string) as batch_id,
    cast({{ quoted('column') }} as string) as column_name,
    cast(entity_type as string) as entity_type,
    cast({{ quoted('rule') }} as string) as rule_name,
    cast(score_from as double) as score_from,
    cast({{ quoted('count') }} as bigint) as findings
from {{ pinned('control', 'redaction_findings') }}
