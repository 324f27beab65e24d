select
    ancestors.ancestor_code as region_code,
    budget.fiscal_year,
    cast(sum(budget.budget_idr) as decimal(38, 2)) as budget_idr,
    cast(sum(budget.realised_idr) as decimal(38, 2)) as realised_idr
from {{ ref('stg_budget_line') }} as budget
inner join {{ ref('int_region_ancestors') }} as ancestors
    on budget.region_code = ancestors.region_code
where budget.fiscal_year <= extract(year from {{ as_of_date() }})
group by ancestors.ancestor_code, budget.fiscal_year
