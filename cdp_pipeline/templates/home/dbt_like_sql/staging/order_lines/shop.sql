-- One row per line of a sale.
select
    'shop' as source,
    s.order_id,
    s.line_id,
    s.product_id,
    s.quantity,
    s.amount as line_amount,
    s.quantity < 0 as is_return,
from sources.shop_sales as s
