-- How many minimised rows of a feed are alone with their category, cell and hour, as last counted.
with counted as (
    select
        *,
        max(counted_on) over (partition by feed, entity) as last_counted_on
    from {{ ref('stg_uniqueness') }}
)

select
    feed,
    entity,
    counted_on,
    rows_counted,
    rows_unique,
    case
        when rows_counted > 0
            then cast(round(100.0 * cast(rows_unique as double) / rows_counted, 1) as decimal(5, 1))
    end as unique_percent,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from counted
where counted_on = last_counted_on
