-- One row per product bought in a store.
-- Quantity is one: the export gives the price of the purchase, not of a piece.

select
    'loyalty' as source,
    purchase_id as order_id,
    '1' as line_id,
    product_id,
    cast(1 as decimal(18, 3)) as quantity,
    cast(total_price as decimal(18, 4)) as unit_price_amount,
    cast(0 as decimal(18, 2)) as discount_amount,
    total_price as line_amount,
    false as is_return,
from sources.loyalty_purchases
