-- How, of two years: citizen-reported records of the second level by the code that the agency gave, and by the terms of
-- the closed list that were kept of narratives. A record counts once under each of its terms.
{%- set rank = [2, [1, (var('levels') | length) - 1] | max] | min %}
with records as (
    select
        ancestors.ancestor_code as region_code,
        records.category,
        records.modus_code,
        case when records.modus_terms is not null then concat(';', records.modus_terms, ';') end as terms
    from {{ ref('stg_police_record') }} as records
    inner join {{ ref('int_region_ancestors') }} as ancestors
        on records.region_code = ancestors.region_code and ancestors.ancestor_rank = {{ rank }}
    where
        records.reported_by = 'citizen'
        and records.occurred_local_date <= {{ as_of_date() }}
        and records.occurred_local_date > cast({{ dbt.dateadd('day', -730, as_of_date()) }} as date)
),

told as (
    select
        region_code,
        category,
        'code' as told_by,
        modus_code as modus
    from records
    where modus_code is not null

    union all

    select
        records.region_code,
        records.category,
        'term' as told_by,
        terms.term as modus
    from records
    inner join {{ ref('reference_term') }} as terms
        on records.terms like concat('%;', terms.term, ';%')
),

totals as (
    select
        region_code,
        category,
        count(modus_code) as n_code,
        cast(sum(case when terms is not null then 1 else 0 end) as bigint) as n_term
    from records
    group by region_code, category
)

select
    told.region_code,
    told.category,
    told.told_by,
    told.modus,
    count(*) as n,
    max(case when told.told_by = 'code' then totals.n_code else totals.n_term end) as n_told
from told
inner join totals on told.region_code = totals.region_code and told.category = totals.category
group by told.region_code, told.category, told.told_by, told.modus
