-- Level and bands, never a count. What was expected is told only where it is clear of how many days: of a week, or of
-- what a warning was raised on.
with newest as (
    select
        kind,
        max(period_end) as period_end
    from {{ ref('est_early_warnings') }}
    group by kind
)

select
    warnings.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    case warnings.kind when 'detection' then 'deteksi' else 'laporan_warga' end as kind,
    warnings.category_group,
    warnings.category_group_title,
    warnings.period_type,
    warnings.period_start,
    warnings.period_end,
    case
        when warnings.is_signal is null then 'belum_dinilai'
        else coalesce(warnings.level, 'tidak_ada')
    end as warning_level,
    coalesce(warnings.is_signal, false) as is_signal,
    case
        when warnings.is_signal and warnings.window_days = 1 then 'hari itu'
        when warnings.is_signal then 'tujuh hari sampai hari itu'
    end as driver,
    -- Of few events, the category that stands out is the events themselves.
    case when warnings.is_signal and warnings.observed >= 8 then categories.name_id end as driver_category,
    case when warnings.window_days is not null then {{ count_band('warnings.observed') }} end as observed_band,
    case
        when warnings.window_days is not null and warnings.expected is not null
            then {{ count_band('greatest(round(warnings.expected, 0), 1)') }}
    end as expected_band,
    case
        when warnings.window_days is not null and warnings.bound is not null
            then {{ count_band('greatest(round(warnings.bound, 0), 1)') }}
    end as bound_band,
    warnings.other_methods,
    {%- for column, title in [('ears_c1', 'EARS C1'), ('ears_c2', 'EARS C2'), ('ears_c3', 'EARS C3'),
        ('cusum', 'CUSUM'), ('farrington', 'Farrington')] %}
    coalesce(warnings.other_methods like '%{{ title }}%', false) as {{ column }},
    {%- endfor %}
    warnings.period_end = newest.period_end as is_latest,
    '{{ var("data_label") }}' as data_label,
    warnings.method_version,
    {{ as_of_date() }} as as_of
from {{ ref('est_early_warnings') }} as warnings
inner join newest on warnings.kind = newest.kind
inner join {{ ref('int_regions') }} as regions on warnings.region_code = regions.region_code
left join {{ ref('reference_category') }} as categories on warnings.driver_part = categories.category
