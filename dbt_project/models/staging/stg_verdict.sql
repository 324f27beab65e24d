select
    cast(feed as string) as feed,
    cast(batch_id as string) as batch_id,
    cast(rule as string) as rule,
    cast(coalesce(measure, '') as string) as measure,
    cast({{ quoted('column') }} as string) as column_name,
    cast(severity as string) as severity,
    cast(passed as boolean) as is_passed,
    cast(measured as double) as measured,
    cast(minimum as double) as minimum,
    cast(maximum as double) as maximum,
    cast(broken as bigint) as rows_broken,
    cast({{ quoted('rows') }} as bigint) as rows_judged,
    cast(comparable as bigint) as comparable_batches,
    cast(logged_at as timestamp) as logged_at,
    {{ local_day('logged_at') }} as logged_local_date
from {{ pinned('control', 'verdicts') }}
-- What is only remembered for later batches is no check.
where expectation <> ''
