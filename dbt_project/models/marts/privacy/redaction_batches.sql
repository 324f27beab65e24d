-- Narratives touched, protected and refused, batch by batch, beside the feed's usual share.
with measured as (
    select
        *,
        case when narratives > 0 then 100.0 * cast(touched as double) / narratives end as measured
    from {{ ref('int_redaction__batch') }}
),

{{ usual_of('measured') }}

select
    numbered.feed,
    numbered.column_name,
    numbered.action,
    numbered.found_by,
    numbered.batch_id,
    numbered.day,
    numbered.narratives,
    numbered.touched,
    numbered.protected,
    numbered.refused,
    cast(round(numbered.measured, 2) as decimal(5, 2)) as touched_percent,
    case
        when middles.earlier_batches >= 14 then cast(round(middles.measured_usual, 2) as decimal(5, 2))
    end as usual_percent,
    case
        when middles.earlier_batches >= 14 then cast(round(spreads.measured_spread, 2) as decimal(5, 2))
    end as usual_spread,
    cast(coalesce(middles.earlier_batches, 0) as bigint) as earlier_batches,
    {{ deviation_of('numbered.measured') }} as deviation,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from numbered
left join middles on numbered.value_id = middles.value_id
left join spreads on numbered.value_id = spreads.value_id
