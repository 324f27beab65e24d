-- Street lights, stops, cameras and stations of each region of each level.
select
    ancestors.ancestor_code as region_code,
    places.layer,
    count(*) as n
from {{ ref('stg_place') }} as places
inner join {{ ref('int_region_ancestors') }} as ancestors
    on places.region_code = ancestors.region_code
group by ancestors.ancestor_code, places.layer
