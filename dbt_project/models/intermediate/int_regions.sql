with levels as (
    {{ level_rows() }}
),

stated as (
    select
        region_code,
        population,
        is_official,
        year,
        row_number() over (
            partition by region_code
            order by case when is_official then 0 else 1 end asc, year desc, feed asc
        ) as preference
    from {{ ref('stg_population') }}
    where year <= extract(year from {{ as_of_date() }})
),

-- A region without a stated population has the sum of its parts, where every part of one level has one.
summed as (
    select
        ancestors.ancestor_code as region_code,
        cast(sum(stated.population) as bigint) as population,
        min(case when stated.is_official then 1 else 0 end) as is_official,
        max(stated.year) as population_year,
        row_number() over (partition by ancestors.ancestor_code order by ancestors.level_rank) as preference
    from {{ ref('int_region_ancestors') }} as ancestors
    left join stated on ancestors.region_code = stated.region_code and stated.preference = 1
    group by ancestors.ancestor_code, ancestors.level_rank
    having count(*) = count(stated.population)
)

select
    regions.region_code,
    regions.region_name,
    regions.level,
    levels.level_title,
    levels.level_rank,
    parents.region_code as parent_code,
    regions.area_km2,
    summed.population,
    summed.population_year,
    coalesce(summed.is_official = 1, false) as population_is_official,
    regions.boundary_json,
    regions.is_boundary_approximate,
    regions.is_synthetic
from {{ ref('stg_region') }} as regions
inner join levels on regions.level = levels.level
left join {{ ref('stg_region') }} as parents on regions.parent_code = parents.region_code
left join summed on regions.region_code = summed.region_code and summed.preference = 1
