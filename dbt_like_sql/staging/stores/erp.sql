-- One row per store.

with

stores as (
    select *
    from sources.erp_stores
)

select
    store_id,
    'erp' as source,
    store_name,
    city,
    postcode,
    country,
    opened_on,
from stores
