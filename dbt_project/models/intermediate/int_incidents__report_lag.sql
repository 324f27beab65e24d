-- How many months after the month they happened in records were reported: what a number of that month lacked till then.
select
    {{ month_start('occurred_local_date') }} as month_start,
    cast({{ dbt.datediff(month_start('occurred_local_date'), month_start('reported_local_date'), 'month') }} as bigint)
        as lag_months,
    count(*) as n
from {{ ref('stg_police_record') }}
where
    reported_by = 'citizen'
    and reported_local_date is not null
    and reported_local_date >= occurred_local_date
    and occurred_local_date <= {{ as_of_date() }}
group by
    {{ month_start('occurred_local_date') }},
    {{ dbt.datediff(month_start('occurred_local_date'), month_start('reported_local_date'), 'month') }}
