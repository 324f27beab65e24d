-- What was found in the narratives of each batch, as last landed, on the last day that the batch tells of.
with lines as (
    select
        *,
        first_value(run_id) over (
            partition by feed, batch_id
            order by logged_at desc, run_id desc
        ) as newest_run_id
    from {{ ref('stg_redaction_narratives') }}
),

ends as (
    select
        feed,
        batch_id,
        max(period_to) as period_to,
        max(logged_local_date) as logged_local_date
    from {{ ref('stg_batch_log') }}
    group by feed, batch_id
)

select
    lines.feed,
    lines.column_name,
    lines.action,
    lines.found_by,
    lines.batch_id,
    lines.run_id,
    max(
        least(
            coalesce(
                {{ local_day(dbt.dateadd('second', -1, 'ends.period_to')) }},
                ends.logged_local_date,
                lines.logged_local_date
            ),
            {{ as_of_date() }}
        )
    ) as day,
    cast(sum(lines.narratives) as bigint) as narratives,
    cast(sum(lines.touched) as bigint) as touched,
    cast(sum(lines.protected) as bigint) as protected,
    cast(sum(lines.refused) as bigint) as refused
from lines
left join ends on lines.feed = ends.feed and lines.batch_id = ends.batch_id
where lines.run_id = lines.newest_run_id
group by lines.feed, lines.column_name, lines.action, lines.found_by, lines.batch_id, lines.run_id
