-- Bands instead of counts; a ratio stands on 8 events and is told in halves, so that no count can be had back from it.
select
    patterns.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    patterns.category,
    categories.name_id as category_title,
    patterns.modus,
    coalesce(modi.name_id, patterns.modus) as modus_title,
    patterns.weekday_band,
    patterns.weekday_from,
    patterns.weekday_to,
    patterns.hour_band,
    patterns.hour_from,
    patterns.hour_to,
    patterns.is_unusual,
    max(case when patterns.is_unusual then 1 else 0 end) over (
        partition by patterns.region_code, patterns.category, patterns.modus
    ) = 1 as is_modus_unusual,
    case
        when patterns.observed >= 8 then cast(round(2 * patterns.ratio, 0) / 2.0 as decimal(8, 1))
    end as ratio,
    {{ count_band('round(patterns.observed, 0)') }} as observed_band,
    {{ count_band('greatest(round(patterns.expected, 0), 1)') }} as expected_band,
    '{{ var("data_label") }}' as data_label,
    patterns.method_version,
    {{ as_of_date() }} as as_of
from {{ ref('est_pattern_time_modus') }} as patterns
inner join {{ ref('int_regions') }} as regions on patterns.region_code = regions.region_code
left join {{ ref('reference_category') }} as categories on patterns.category = categories.category
left join {{ ref('reference_modus') }} as modi on patterns.modus = modi.modus
