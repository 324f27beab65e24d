-- How often each rule found each type in a batch's narratives, as last landed, and how sure it was.
select
    batches.feed,
    batches.column_name,
    batches.batch_id,
    found.entity_type,
    found.rule_name,
    cast(sum(found.findings) as bigint) as findings,
    cast(sum(case when found.score_from < 0.6 then found.findings else 0 end) as bigint) as score_low,
    cast(
        sum(case when found.score_from >= 0.6 and found.score_from < 0.8 then found.findings else 0 end) as bigint
    ) as score_middle,
    cast(sum(case when found.score_from >= 0.8 then found.findings else 0 end) as bigint) as score_high
from {{ ref('int_redaction__batch') }} as batches
inner join {{ ref('stg_redaction_findings') }} as found
    on
        batches.feed = found.feed
        and batches.column_name = found.column_name
        and batches.batch_id = found.batch_id
        and batches.run_id = found.run_id
group by batches.feed, batches.column_name, batches.batch_id, found.entity_type, found.rule_name
