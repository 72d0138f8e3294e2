-- One row per line of a receipt or return at the desk.

select
    'pos' as source,
    receipt_id as order_id,
    line_number as line_id,
    product_id,
    quantity,
    unit_price as unit_price_amount,
    discount as discount_amount,
    amount as line_amount,
    returned_receipt_id is not null as is_return,
    returned_receipt_id as returned_order_id,
    returned_line_number as returned_line_id,
from sources.pos_receipt_lines
