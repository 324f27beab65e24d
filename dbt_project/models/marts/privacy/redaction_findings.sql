-- What each rule found in the narratives of each batch, beside how often it usually finds it.
with kinds as (
    select distinct
        feed,
        column_name,
        entity_type,
        rule_name
    from {{ ref('int_redaction__finding') }}
),

-- A batch in which a rule found nothing counts as 0 in what is usual.
filled as (
    select
        batches.feed,
        batches.column_name,
        batches.action,
        batches.found_by,
        batches.batch_id,
        batches.day,
        batches.narratives,
        batches.touched,
        kinds.entity_type,
        kinds.rule_name,
        coalesce(found.findings, 0) as findings,
        coalesce(found.score_low, 0) as score_low,
        coalesce(found.score_middle, 0) as score_middle,
        coalesce(found.score_high, 0) as score_high,
        case
            when batches.narratives > 0
                then 100.0 * cast(coalesce(found.findings, 0) as double) / batches.narratives
        end as measured
    from {{ ref('int_redaction__batch') }} as batches
    inner join kinds on batches.feed = kinds.feed and batches.column_name = kinds.column_name
    left join {{ ref('int_redaction__finding') }} as found
        on
            batches.feed = found.feed
            and batches.column_name = found.column_name
            and batches.batch_id = found.batch_id
            and kinds.entity_type = found.entity_type
            and kinds.rule_name = found.rule_name
),

{{ usual_of('filled', ['entity_type', 'rule_name']) }}

select
    numbered.feed,
    numbered.column_name,
    numbered.action,
    numbered.found_by,
    numbered.batch_id,
    numbered.day,
    numbered.entity_type,
    numbered.rule_name,
    cast(numbered.findings as bigint) as findings,
    cast(numbered.score_low as bigint) as score_low,
    cast(numbered.score_middle as bigint) as score_middle,
    cast(numbered.score_high as bigint) as score_high,
    cast(numbered.narratives as bigint) as narratives,
    case
        when numbered.narratives > 0
            then cast(round(100.0 * cast(numbered.touched as double) / numbered.narratives, 2) as decimal(5, 2))
    end as touched_percent,
    cast(round(numbered.measured, 2) as decimal(9, 2)) as per_100,
    case
        when middles.earlier_batches >= 14 then cast(round(middles.measured_usual, 2) as decimal(9, 2))
    end as usual_per_100,
    case
        when middles.earlier_batches >= 14 then cast(round(spreads.measured_spread, 2) as decimal(9, 2))
    end as usual_spread,
    cast(coalesce(middles.earlier_batches, 0) as bigint) as earlier_batches,
    {{ deviation_of('numbered.measured') }} as deviation,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from numbered
left join middles on numbered.value_id = middles.value_id
left join spreads on numbered.value_id = spreads.value_id
where numbered.findings > 0
