-- One row per store or warehouse and article.

select
    'erp' as source,
    location_id,
    product_id,
    quantity as quantity_on_hand,
    counted_at,
    restock_on as restock_expected_on,
from sources.erp_inventory
