-- An aid to planning, never an order: what is withheld or not planned keeps its row and says so.
select
    priorities.region_code,
    regions.region_name,
    regions.level,
    regions.level_title,
    regions.parent_code,
    priorities.week_start,
    priorities.priority_rank,
    priorities.rank_lower,
    priorities.rank_upper,
    cast(priorities.expected_harm as decimal(14, 2)) as expected_harm,
    cast(priorities.harm_lower as decimal(14, 2)) as harm_lower,
    cast(priorities.harm_upper as decimal(14, 2)) as harm_upper,
    cast(priorities.harm_per_hour as decimal(14, 2)) as harm_per_hour,
    cast(priorities.harm_per_hour_lower as decimal(14, 2)) as harm_per_hour_lower,
    cast(priorities.harm_per_hour_upper as decimal(14, 2)) as harm_per_hour_upper,
    priorities.reason,
    cast(round(priorities.patrol_hours, 0) as decimal(10, 0)) as patrol_hours,
    cast(round(100 * priorities.capacity_share, 0) as decimal(5, 0)) as capacity_percent,
    cast(round(100 * priorities.harm_share, 0) as decimal(5, 0)) as harm_percent,
    cast(round(priorities.patrol_to_harm, 1) as decimal(8, 1)) as patrol_to_harm,
    priorities.area_group,
    case priorities.status when 'tanpa rencana patroli' then 'no_plan' else priorities.status end as status,
    case priorities.status
        when 'tanpa rencana patroli' then 'Tidak ada jam patroli yang direncanakan'
        when 'withheld' then 'Kurang dari 8 kejadian'
    end as status_reason,
    '{{ var("data_label") }}' as data_label,
    priorities.method_version,
    {{ as_of_date() }} as as_of
from {{ ref('est_patrol_priorities') }} as priorities
inner join {{ ref('int_regions') }} as regions on priorities.region_code = regions.region_code
