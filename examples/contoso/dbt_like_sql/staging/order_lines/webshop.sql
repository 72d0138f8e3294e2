-- One row per product bought online.
-- Quantity is one: the export gives the price of the purchase, not of a piece.

select
    'webshop' as source,
    purchase_id as order_id,
    '1' as line_id,
    product_id,
    cast(1 as decimal(18, 3)) as quantity,
    cast(total_price as decimal(18, 4)) as unit_price_amount,
    cast(0 as decimal(18, 2)) as discount_amount,
    total_price as line_amount,
    false as is_return,
from sources.webshop_purchases
