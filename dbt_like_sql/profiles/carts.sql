-- One row per product in a shopping cart, with its customer.
--
-- A cart is a customer's only where a record was logged in: the cookie never makes one. A cookie is
-- left out 90 days after the cart was last touched, and with it the cart where nobody was logged in.

with

clock as (
    select
        time_zone,
        as_of_on,
    from sources.run_clock
),

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

dated_carts as (
    select
        carts.source,
        carts.cart_id,
        carts.product_id,
        carts.record_source,
        carts.record_id,
        carts.visitor_id,
        carts.order_id,
        carts.status,
        carts.currency,
        carts.quantity,
        carts.unit_price_amount,
        ((carts.updated_at at time zone 'UTC') at time zone clock.time_zone)::date as updated_on,
        carts.updated_at,
        clock.as_of_on - 90 as cookies_since_on,
    from staging.carts as carts
    cross join clock
)

select
    dated_carts.source, -- Source system of the cart
    dated_carts.cart_id, -- Cart's id in the source
    dated_carts.product_id, -- Product in the cart
    identity_map.customer_id, -- Customer who was logged in; null when nobody was, or nobody known
    dated_carts.record_source, -- Source system of the customer record
    dated_carts.record_id, -- Customer record in that system
    case
        when dated_carts.updated_on >= dated_carts.cookies_since_on then dated_carts.visitor_id
    end as visitor_id, -- Cookie or device; null once it is older than 90 days
    dated_carts.order_id, -- Order it became; null when it became none
    dated_carts.status, -- open, abandoned or ordered
    dated_carts.quantity, -- Units in the cart
    dated_carts.currency, -- ISO 4217 currency of the price
    dated_carts.unit_price_amount, -- Price of one as shown in the cart
    dated_carts.updated_on, -- Day it was last touched, in the business's time zone
    dated_carts.updated_at, -- When it was last touched, UTC
from dated_carts
left join identity_map
    on
        dated_carts.record_source = identity_map.record_source
        and dated_carts.record_id = identity_map.record_id
where
    dated_carts.record_id is not null
    or dated_carts.updated_on >= dated_carts.cookies_since_on
