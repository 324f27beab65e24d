{#
  The batch log as deliveries stand now, one row each: what quarantine held and gave back later counts with the
  delivery that it came with, and a delivery that was taken again counts as it ended. So a row that was read once is
  counted once, and read = accepted + duplicate + quarantined.
#}
{% macro deliveries(batch_log) -%}
  select
    feed,
    entity,
    delivery,
    first_day as day,
    taken,
    case
      when is_failed = 1 then 'gagal'
      when rows_read = 0 and is_refused = 1 then 'dikarantina'
      when rows_read = 0 then 'kosong'
      when rows_accepted + rows_duplicate = 0 then 'dikarantina'
      when rows_accepted + rows_duplicate < rows_read then 'sebagian'
      when rows_accepted = 0 then 'kembar'
      else 'diterima'
    end as status,
    rows_read,
    rows_accepted,
    rows_duplicate,
    rows_read - rows_accepted - rows_duplicate as rows_quarantined,
    reason,
    data_until_at
  from (
    select
      feed,
      delivery,
      max(entity) as entity,
      min(first_day) as first_day,
      cast(sum(times) as bigint) as taken,
      min(case when status = 'failed' then 1 else 0 end) as is_failed,
      max(case when is_replay = 0 and status = 'quarantined' then 1 else 0 end) as is_refused,
      -- A file whose rows could not be counted has as many as were found when it was opened at last.
      cast(greatest(max(rows_read), sum(rows_accepted + rows_duplicate)) as bigint) as rows_read,
      cast(sum(rows_accepted) as bigint) as rows_accepted,
      cast(sum(rows_duplicate) as bigint) as rows_duplicate,
      max(case when is_last = 1 then reason end) as reason,
      -- What was refused brings no data up to date.
      max(case when status not in ('quarantined', 'failed') then period_to end) as data_until_at
    from (
      select
        *,
        case when row_number() over (partition by feed, delivery order by logged_at desc) = 1 then 1 else 0 end as is_last,
        -- What quarantine gave back before the delivery was taken again is part of what it is now.
        max(case when is_replay = 0 then logged_at end) over (partition by feed, delivery) as taken_at
      from (
        select
          feed,
          entity,
          batch_id,
          regexp_replace(batch_id, '[.]r[0-9a-f]{8}$', '') as delivery,
          case when regexp_replace(batch_id, '[.]r[0-9a-f]{8}$', '') = batch_id then 0 else 1 end as is_replay,
          status,
          coalesce(rows_read, 0) as rows_read,
          coalesce(rows_accepted, 0) as rows_accepted,
          coalesce(rows_duplicate, 0) as rows_duplicate,
          reason,
          period_to,
          logged_at,
          coalesce(
            min(case when status <> 'failed' then logged_local_date end) over (partition by feed, batch_id),
            max(logged_local_date) over (partition by feed, batch_id)
          ) as first_day,
          count(*) over (partition by feed, batch_id) as times,
          row_number() over (
            partition by feed, batch_id
            order by case when status = 'failed' then 1 else 0 end asc, logged_at desc, rows_read desc, status asc
          ) as newest
        from {{ batch_log }}
        where event = 'outcome'
      ) as marked
      where newest = 1
    ) as ended
    where is_replay = 0 or taken_at is null or logged_at >= taken_at
    group by feed, delivery
  ) as summed
{%- endmacro %}
