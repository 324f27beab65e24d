-- What asks for a person: open alerts of feeds, late feeds, batches that drift or a verdict stopped, paused feeds.
with alerts as (
    select
        *,
        row_number() over (partition by feed, kind, subject order by logged_at desc, event asc) as newest
    from {{ ref('stg_alert') }}
),

decisions as (
    select
        *,
        row_number() over (partition by feed order by logged_at desc) as newest
    from {{ ref('stg_decision') }}
    where decision in ('pause_feed', 'resume_feed')
),

raised as (
    select
        feed,
        case kind
            when 'drop_missing' then 'kiriman_hilang'
            when 'drop_doubled' then 'kiriman_ganda'
            when 'contract_migration' then 'kontrak_diperketat'
            else kind
        end as kind,
        subject,
        detail,
        logged_local_date as since
    from alerts
    where newest = 1 and event = 'raised'
    union all
    select
        feed,
        'terlambat' as kind,
        feed as subject,
        case
            when freshness_status = 'belum_ada' then 'never delivered' else 'older than its contract allows'
        end as detail,
        coalesce(data_until, as_of) as since
    from {{ ref('feed_quality') }}
    where is_latest and freshness_status in ('terlambat', 'belum_ada')
    union all
    select
        feed,
        case rule
            when 'schema_drift' then 'skema_berubah' when 'verdict' then 'putusan_gagal' else 'tidak_terbaca'
        end as kind,
        batch_id as subject,
        min(rule) as detail,
        min(sealed_local_date) as since
    from {{ ref('stg_quarantine') }}
    where rule in ('schema_drift', 'verdict', 'unreadable', 'table_rule', 'refused_drop')
    group by feed, rule, batch_id
    union all
    select
        feed,
        'dijeda' as kind,
        feed as subject,
        reason as detail,
        logged_local_date as since
    from decisions
    where newest = 1 and decision = 'pause_feed'
),

feeds as (
    {{ feed_rows() }}
)

select
    raised.feed,
    raised.kind,
    raised.subject,
    coalesce(feeds.title, raised.feed) as feed_title,
    raised.detail,
    raised.since,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from raised
left join feeds on raised.feed = feeds.feed
