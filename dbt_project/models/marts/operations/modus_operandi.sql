-- How, from codes and from the closed terms of narratives: bands and shares of what bands show. A sensitive category is
-- named by no modus, at any level.
select
    counted.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    counted.category,
    categories.name_id as category_title,
    counted.told_by,
    counted.modus,
    coalesce(modi.name_id, terms.name_id, counted.modus) as modus_title,
    {{ count_band('counted.n') }} as records_band,
    {{ guarded_percent('counted.n', 'counted.n_told') }} as share_percent,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from {{ ref('int_incidents__modus') }} as counted
inner join {{ ref('int_regions') }} as regions on counted.region_code = regions.region_code
inner join {{ ref('reference_category') }} as categories on counted.category = categories.category
left join {{ ref('reference_modus') }} as modi on counted.told_by = 'code' and counted.modus = modi.modus
left join {{ ref('reference_term') }} as terms on counted.told_by = 'term' and counted.modus = terms.term
where
    counted.category not in (
        {%- for category in var('sensitive_categories') %}
        '{{ category }}'{{ ',' if not loop.last }}
        {%- endfor %}
    )
