-- Every region of every level has a row for each period it may be published for: months down to the index level,
-- quarters at every level. What cannot be published keeps its row and says why.
with index_level as (
    select max(level_rank) as level_rank
    from {{ ref('int_regions') }}
    where level = '{{ var("index_level") }}'
),

spine as (
    select
        regions.*,
        periods.period_type,
        periods.period_start,
        periods.period_end,
        periods.period_label,
        periods.is_latest
    from {{ ref('int_regions') }} as regions
    cross join index_level
    inner join {{ ref('int_periods') }} as periods
        on periods.period_type = 'quarter' or regions.level_rank <= index_level.level_rank
),

-- Citizen-reported records of any category: context for the reader, shown as a band. Of a region of the index's level
-- and a month it is the count's own; what is wider is the sum of the bands in it, so that no part can be had back by
-- taking the others from the whole. Finer regions show none.
parts as (
    select
        incidents.region_code,
        incidents.period_start,
        {{ shown_count('sum(incidents.n)') }} as shown
    from {{ ref('int_incidents__region_period') }} as incidents
    inner join {{ ref('int_regions') }} as regions on incidents.region_code = regions.region_code
    where incidents.period_type = 'month' and regions.level = '{{ var("index_level") }}'
    group by incidents.region_code, incidents.period_start
),

counted as (
    select
        ancestors.ancestor_code as region_code,
        'month' as period_type,
        parts.period_start,
        cast(sum(parts.shown) as bigint) as n
    from parts
    inner join {{ ref('int_region_ancestors') }} as ancestors on parts.region_code = ancestors.region_code
    group by ancestors.ancestor_code, parts.period_start

    union all

    select
        ancestors.ancestor_code as region_code,
        'quarter' as period_type,
        {{ quarter_start('parts.period_start') }} as period_start,
        cast(sum(parts.shown) as bigint) as n
    from parts
    inner join {{ ref('int_region_ancestors') }} as ancestors on parts.region_code = ancestors.region_code
    group by ancestors.ancestor_code, {{ quarter_start('parts.period_start') }}
),

-- From how many months after its end a period's records have changed by less than 5 %.
settled as (
    select min(age_months) as age_months
    from {{ ref('revision_bands') }}
    where is_settled
),

joined as (
    select
        spine.*,
        settled.age_months as settled_age,
        estimates.index_value,
        estimates.index_lower,
        estimates.index_upper,
        estimates.sensitivity_lower,
        estimates.sensitivity_upper,
        estimates.change_previous,
        estimates.change_previous_lower,
        estimates.change_previous_upper,
        estimates.change_year,
        estimates.rank_lower,
        estimates.rank_upper,
        estimates.p_among_worst,
        estimates.group_label,
        estimates.status as estimate_status,
        estimates.status_reason as estimate_reason,
        estimates.method_version,
        completeness.located_share,
        completeness.n as n_records,
        spine.level_rank <= index_level.level_rank as has_band,
        coalesce(counted.n, 0) as n,
        case
            when not coalesce(completeness.is_covered, false)
                then 'Tidak ada data yang lengkap untuk periode ini'
            when completeness.located_share < {{ var('smallest_completeness') }}
                then 'Terlalu banyak laporan tanpa wilayah yang diketahui'
            when spine.population is null then 'Jumlah penduduk tidak tersedia'
            when not spine.population_is_official then 'Jumlah penduduk bukan angka resmi'
            when estimates.region_code is null then 'Belum dapat dihitung'
            when estimates.status = 'withheld' then estimates.status_reason
        end as withheld_reason,
        coalesce(completeness.is_covered, false) as is_covered
    from spine
    cross join index_level
    cross join settled
    left join {{ ref('est_region_index') }} as estimates
        on
            spine.region_code = estimates.region_code
            and spine.period_type = estimates.period_type
            and spine.period_start = estimates.period_start
    left join {{ ref('int_incidents__completeness') }} as completeness
        on
            spine.period_type = completeness.period_type
            and spine.period_start = completeness.period_start
    left join counted
        on
            spine.region_code = counted.region_code
            and spine.period_type = counted.period_type
            and spine.period_start = counted.period_start
)

select
    region_code,
    region_name,
    level,
    level_title,
    parent_code,
    period_type,
    period_start,
    period_label,
    {%- for column, digits in [
        ('index_value', 1), ('index_lower', 1), ('index_upper', 1), ('sensitivity_lower', 1),
        ('sensitivity_upper', 1), ('change_previous', 1), ('change_previous_lower', 1),
        ('change_previous_upper', 1), ('change_year', 1), ('p_among_worst', 2)] %}
    case
        when withheld_reason is null then cast(round({{ column }}, {{ digits }}) as decimal(6, {{ digits }}))
    end as {{ column }},
    {%- endfor %}
    case when withheld_reason is null then cast(rank_lower as bigint) end as rank_lower,
    case when withheld_reason is null then cast(rank_upper as bigint) end as rank_upper,
    case when withheld_reason is null then group_label end as group_label,
    case when withheld_reason is null then estimate_status else 'withheld' end as status,
    coalesce(withheld_reason, estimate_reason) as status_reason,
    case when is_covered and has_band then {{ count_band('n') }} end as incidents_band,
    population,
    population_is_official,
    {{ share_band('located_share', 'n_records') }} as completeness,
    {{ dbt.datediff('period_end', as_of_date(), 'day') }} < {{ var('provisional_days') }}
    or coalesce({{ months_after('period_end') }} < settled_age, false) as is_provisional,
    coalesce(method_version, '') as method_version,
    is_latest,
    boundary_json,
    '{{ var("data_label") }}' as data_label,
    {{ as_of_date() }} as as_of
from joined
