-- One row per article in a cart.
-- The cookie is left out 90 days after the cart was last touched, and with it a stranger's cart.

select
    'webshop' as source,
    carts.cart_id,
    carts.product_id,
    case when carts.user_id is not null then 'webshop' end as record_source,
    carts.user_id as record_id,
    case when carts.touched_at >= clock.as_of_on - interval 90 day then carts.cookie end as visitor_id,
    carts.status,
    carts.quantity,
    carts.price as unit_price_amount,
    carts.currency,
    carts.touched_at as updated_at,
    carts.order_id,
from sources.webshop_carts as carts
cross join sources.run_clock as clock
where carts.user_id is not null or carts.touched_at >= clock.as_of_on - interval 90 day
