-- One row per article in a cart of the last 90 days, which is what the contract keeps.

select
    'webshop' as source,
    cart_id,
    product_id,
    case when user_id is not null then 'webshop' end as record_source,
    user_id as record_id,
    cookie as visitor_id,
    status,
    quantity,
    price as unit_price_amount,
    currency,
    touched_at as updated_at,
    order_id,
from sources.webshop_carts
