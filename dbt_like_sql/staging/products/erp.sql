-- One row per article.
-- Prices are those of today in Sweden; what a customer paid stands in the order lines.

select
    product_id,
    'erp' as source,
    product_name,
    category,
    subcategory,
    brand,
    list_price as list_price_amount,
    purchase_price as unit_cost_amount,
    currency,
    is_discontinued,
    launched_on,
from sources.erp_products
