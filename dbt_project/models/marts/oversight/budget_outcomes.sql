-- Spending beside the index of the year before, of the year, and the change that regression to the mean alone would
-- give. No causal claim: who starts low tends to rise, whatever was spent.
with years as (
    select
        region_code,
        level,
        cast(extract(year from period_start) as bigint) as year,
        cast(avg(index_value) as decimal(8, 3)) as index_mean,
        count(index_value) as quarters
    from {{ ref('region_security_index') }}
    where period_type = 'quarter' and index_value is not null
    group by region_code, level, extract(year from period_start)
),

pairs as (
    select
        now.region_code,
        now.level,
        now.year,
        before.index_mean as x,
        now.index_mean as y
    from years as now
    inner join years as before on now.region_code = before.region_code and now.year = before.year + 1
),

-- How much of a distance from the mean lasts a year, from the regions of the index's level.
lasting as (
    select
        year,
        case
            when count(*) >= 8 and count(*) * sum(x * x) - sum(x) * sum(x) > 0
                then cast(
                    (count(*) * sum(x * y) - sum(x) * sum(y)) / (count(*) * sum(x * x) - sum(x) * sum(x))
                    as decimal(8, 4)
                )
        end as slope
    from pairs
    where level = '{{ var("index_level") }}'
    group by year
),

means as (
    select
        level,
        year,
        cast(avg(x) as decimal(8, 3)) as x_mean,
        count(*) as regions
    from pairs
    group by level, year
)

select
    budget.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    budget.fiscal_year,
    cast(round(budget.budget_idr / 1000000, 0) as decimal(18, 0)) as budget_million_idr,
    cast(round(budget.realised_idr / 1000000, 0) as decimal(18, 0)) as realised_million_idr,
    cast(round(pairs.x, 0) as decimal(5, 1)) as index_before,
    cast(round(pairs.y, 0) as decimal(5, 1)) as index_now,
    cast(round(pairs.y, 0) - round(pairs.x, 0) as decimal(5, 1)) as index_change,
    case
        when means.regions >= 2 then cast(round((lasting.slope - 1) * (pairs.x - means.x_mean), 0) as decimal(5, 1))
    end as change_by_regression,
    case
        when pairs.region_code is null then 'Indeks dua tahun berturut-turut tidak tersedia'
        when lasting.slope is null then 'Terlalu sedikit wilayah untuk menaksir regresi ke rata-rata'
        when means.regions < 2 then 'Tidak ada wilayah setingkat untuk dibandingkan'
    end as status_reason,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from {{ ref('int_budget__region_year') }} as budget
inner join {{ ref('int_regions') }} as regions on budget.region_code = regions.region_code
left join pairs on budget.region_code = pairs.region_code and budget.fiscal_year = pairs.year
left join lasting on pairs.year = lasting.year
left join means on pairs.level = means.level and pairs.year = means.year
