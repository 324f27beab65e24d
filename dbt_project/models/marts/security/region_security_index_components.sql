-- What an index is made of, only where the index itself is shown.
select
    components.region_code,
    published.region_name,
    published.level,
    components.period_type,
    components.period_start,
    published.period_label,
    components.dimension,
    components.category_group,
    components.category_group_title,
    cast(components.share_points as decimal(6, 1)) as share_points,
    published.index_value,
    published.is_latest,
    published.method_version,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from {{ ref('est_region_index_components') }} as components
inner join {{ ref('region_security_index') }} as published
    on
        components.region_code = published.region_code
        and components.period_type = published.period_type
        and components.period_start = published.period_start
where published.status <> 'withheld'
