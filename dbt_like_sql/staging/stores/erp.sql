-- One row per store.

select
    store_id,
    'erp' as source,
    store_name,
    city,
    postcode,
    country,
    opened_on,
from sources.erp_stores
