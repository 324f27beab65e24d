-- How each feed stands on the as-of day.
with alerts as (
    select
        feed,
        count(*) as alerts_open,
        max(case when kind = 'dijeda' then 1 else 0 end) as is_paused
    from {{ ref('feed_alerts') }}
    group by feed
),

totals as (
    select
        feed,
        cast(sum(batches) as bigint) as deliveries,
        cast(sum(rows_read) as bigint) as rows_read,
        cast(sum(rows_quarantined) as bigint) as rows_quarantined
    from {{ ref('feed_quality') }}
    group by feed
)

select
    latest.feed,
    latest.entity,
    latest.feed_title,
    latest.freshness_status,
    latest.data_until,
    latest.freshness_hours,
    case when latest.batches > 0 then latest.day end as last_delivery_day,
    totals.deliveries,
    totals.rows_read,
    totals.rows_quarantined,
    case
        when totals.rows_read > 0
            then cast(round(100.0 * totals.rows_quarantined / totals.rows_read, 2) as decimal(6, 2))
    end as quarantined_percent,
    coalesce(alerts.alerts_open, 0) as alerts_open,
    coalesce(alerts.is_paused, 0) = 1 as is_paused,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from {{ ref('feed_quality') }} as latest
inner join totals on latest.feed = totals.feed
left join alerts on latest.feed = alerts.feed
where latest.is_latest
