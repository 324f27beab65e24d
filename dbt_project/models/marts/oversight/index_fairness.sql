-- What the numbers rest on: shares as whole percents, ratios to one decimal, flags without the counts behind them.
with measures as (
    select
        'patrol_share' as measure,
        'Bagian jam patroli' as measure_title,
        'percent' as unit
    union all
    select
        'harm_share' as measure,
        'Bagian harm laporan warga' as measure_title,
        'percent' as unit
    union all
    select
        'patrol_to_harm' as measure,
        'Patroli terhadap harm (1 = sebanding)' as measure_title,
        'ratio' as unit
    union all
    select
        'discovered_share' as measure,
        'Bagian temuan petugas dan kamera' as measure_title,
        'percent' as unit
    union all
    select
        'top_cells_kept' as measure,
        'Sel teratas yang tetap teratas pada triwulan berikutnya' as measure_title,
        'percent' as unit
    union all
    select
        'top_cells_share' as measure,
        'Laporan di dua puluhan sel teratas' as measure_title,
        'percent' as unit
    union all
    select
        'ranks_alike' as measure,
        'Urutan tetap bila pelaporan berubah 30 % (1 = sama)' as measure_title,
        'ratio' as unit
    union all
    select
        'worst_tenth_kept' as measure,
        'Sepersepuluh terburuk yang tetap bila pelaporan berubah 30 %' as measure_title,
        'percent' as unit
    union all
    select
        'records_fall_calls_do_not' as measure,
        'Laporan turun, panggilan tidak' as measure_title,
        'flag' as unit
)

select
    fairness.measure,
    measures.measure_title,
    fairness.subject,
    coalesce(regions.region_name, fairness.subject) as subject_title,
    measures.unit,
    cast(
        case measures.unit
            when 'percent' then round(100 * fairness.value, 0)
            else round(fairness.value, 1)
        end as decimal(8, 1)
    ) as value,
    cast(
        case measures.unit
            when 'percent' then round(100 * fairness.value_lower, 0)
            else round(fairness.value_lower, 1)
        end as decimal(8, 1)
    ) as value_lower,
    cast(
        case measures.unit
            when 'percent' then round(100 * fairness.value_upper, 0)
            else round(fairness.value_upper, 1)
        end as decimal(8, 1)
    ) as value_upper,
    cast(
        case measures.unit
            when 'percent' then round(100 * fairness.reference, 0)
            else round(fairness.reference, 1)
        end as decimal(8, 1)
    ) as reference,
    fairness.is_flagged,
    case when fairness.status_reason is null then 'published' else 'withheld' end as status,
    fairness.status_reason,
    '{{ var("data_label") }}' as data_label,
    fairness.method_version,
    {{ as_of_date() }} as as_of
from {{ ref('est_index_fairness') }} as fairness
inner join measures on fairness.measure = measures.measure
left join {{ ref('int_regions') }} as regions on fairness.subject = regions.region_code
