-- One row per line of a web order or credit order.

select
    'webshop' as source,
    order_id,
    line_number as line_id,
    product_id,
    quantity,
    unit_price as unit_price_amount,
    discount as discount_amount,
    amount as line_amount,
    returned_order_id is not null as is_return,
    returned_order_id,
    returned_line_number as returned_line_id,
from sources.webshop_order_lines
