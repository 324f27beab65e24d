-- Every check of every batch, as its last verdict gave it.
with last_verdicts as (
    select
        *,
        max(logged_at) over (partition by feed, batch_id) as judged_at
    from {{ ref('stg_verdict') }}
),

-- A limit that warns and one that stops may stand on the same measure: what is told of both is the graver.
checks as (
    select
        feed,
        batch_id,
        rule,
        measure,
        max(column_name) as column_name,
        max(logged_local_date) as day,
        max(measured) as measured,
        max(minimum) as minimum,
        min(maximum) as maximum,
        max(rows_judged) as rows_judged,
        max(rows_broken) as rows_broken,
        max(comparable_batches) as comparable_batches,
        max(case when is_passed then 0 when severity = 'error' then 2 else 1 end) as gravity
    from last_verdicts
    where logged_at = judged_at
    group by feed, batch_id, rule, measure
)

select
    feed,
    batch_id,
    rule,
    measure,
    column_name,
    day,
    case gravity when 2 then 'gagal' when 1 then 'peringatan' else 'lulus' end as outcome,
    cast(round(measured, 4) as decimal(18, 4)) as measured,
    cast(round(minimum, 4) as decimal(18, 4)) as minimum,
    cast(round(maximum, 4) as decimal(18, 4)) as maximum,
    rows_judged,
    rows_broken,
    comparable_batches,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from checks
