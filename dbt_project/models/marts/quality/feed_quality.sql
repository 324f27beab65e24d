-- What each feed delivered each day, every delivery once, as it stands now.
with deliveries as (
    {{ deliveries(ref('stg_batch_log')) }}
),

by_day as (
    select
        feed,
        day,
        count(*) as batches,
        cast(sum(case when status = 'dikarantina' then 1 else 0 end) as bigint) as batches_quarantined,
        cast(sum(case when status = 'gagal' then 1 else 0 end) as bigint) as batches_failed,
        cast(sum(rows_read) as bigint) as rows_read,
        cast(sum(rows_accepted) as bigint) as rows_accepted,
        cast(sum(rows_duplicate) as bigint) as rows_duplicate,
        cast(sum(rows_quarantined) as bigint) as rows_quarantined,
        max(delivery) as last_batch,
        max(data_until_at) as data_until_at
    from deliveries
    group by feed, day
),

feeds as (
    {{ feed_rows() }}
),

-- Every feed of the city has a row, also one that never delivered.
spine as (
    select
        feeds.feed,
        feeds.entity,
        feeds.title,
        feeds.freshness_hours,
        by_day.day,
        by_day.batches,
        by_day.batches_quarantined,
        by_day.batches_failed,
        by_day.rows_read,
        by_day.rows_accepted,
        by_day.rows_duplicate,
        by_day.rows_quarantined,
        by_day.last_batch,
        max(by_day.data_until_at) over (partition by feeds.feed) as data_until_at,
        row_number() over (partition by feeds.feed order by by_day.day desc) = 1 as is_latest
    from feeds
    left join by_day on feeds.feed = by_day.feed
),

dated as (
    select
        *,
        {{ last_day_of_data('data_until_at') }} as data_until
    from spine
)

select
    feed,
    entity,
    title as feed_title,
    coalesce(day, {{ as_of_date() }}) as day,
    coalesce(batches, 0) as batches,
    coalesce(batches_quarantined, 0) as batches_quarantined,
    coalesce(batches_failed, 0) as batches_failed,
    coalesce(rows_read, 0) as rows_read,
    coalesce(rows_accepted, 0) as rows_accepted,
    coalesce(rows_duplicate, 0) as rows_duplicate,
    coalesce(rows_quarantined, 0) as rows_quarantined,
    case
        when rows_read > 0 then cast(round(100.0 * rows_quarantined / rows_read, 2) as decimal(6, 2))
    end as quarantined_percent,
    last_batch,
    data_until,
    cast(freshness_hours as decimal(10, 1)) as freshness_hours,
    case
        when batches is null then 'belum_ada'
        when data_until is null then 'tidak_diketahui'
        when {{ late_hours('data_until') }} > freshness_hours then 'terlambat'
        else 'segar'
    end as freshness_status,
    is_latest,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from dated
