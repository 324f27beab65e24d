-- What planning and social layers say of each region, newest year up to as-of.
with stated as (
    select
        region_code,
        indicator,
        year,
        value,
        row_number() over (partition by region_code, indicator order by year desc, feed asc) as preference
    from {{ ref('stg_area_indicator') }}
    where year <= extract(year from {{ as_of_date() }})
)

select
    region_code,
    indicator,
    year,
    value as indicator_value
from stated
where preference = 1
