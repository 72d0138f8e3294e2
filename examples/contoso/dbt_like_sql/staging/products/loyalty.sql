-- One row per product that was bought in a store and never online.
-- Store purchases number their products on their own: nearly every purchase has one of its own, and
-- a number that both use is the web shop's product here.

with

web_products as (
    select distinct product_id,
    from sources.webshop_purchases
)

select
    purchases.product_id,
    'loyalty' as source,
    max(purchases.total_price) as list_price_amount,
    'USD' as currency,
    false as is_discontinued,
from sources.loyalty_purchases as purchases
left join web_products on purchases.product_id = web_products.product_id
where web_products.product_id is null
group by purchases.product_id
