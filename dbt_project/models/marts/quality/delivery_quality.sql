-- Each delivery as it stands now: what was read of it, and what became of it.
with deliveries as (
    {{ deliveries(ref('stg_batch_log')) }}
),

feeds as (
    {{ feed_rows() }}
)

select
    deliveries.feed,
    deliveries.delivery,
    deliveries.entity,
    coalesce(feeds.title, deliveries.feed) as feed_title,
    deliveries.day,
    deliveries.taken,
    deliveries.status,
    deliveries.rows_read,
    deliveries.rows_accepted,
    deliveries.rows_duplicate,
    deliveries.rows_quarantined,
    case
        when deliveries.rows_read > 0
            then cast(round(100.0 * deliveries.rows_quarantined / deliveries.rows_read, 2) as decimal(6, 2))
    end as quarantined_percent,
    -- Who accepted a batch is for the batch log alone.
    regexp_replace(deliveries.reason, '^accepted by [^:]*: ', 'accepted: ') as reason,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from deliveries
left join feeds on deliveries.feed = feeds.feed
