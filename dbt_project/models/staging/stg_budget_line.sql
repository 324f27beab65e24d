select
    cast(feed as string) as feed,
    cast(record_key as string) as record_key,
    cast(is_synthetic as boolean) as is_synthetic,
    cast(region_code as string) as region_code,
    cast(fiscal_year as bigint) as fiscal_year,
    cast(programme as string) as programme,
    cast(budget_idr as decimal(20, 2)) as budget_idr,
    cast(realised_idr as decimal(20, 2)) as realised_idr
from {{ pinned('minimised', 'budget_line') }}
