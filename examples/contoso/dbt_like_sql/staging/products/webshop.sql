-- One row per product that was bought online.
-- There is no product export: all that is known of a product is its number, so the price is the
-- highest one paid.

select
    product_id,
    'webshop' as source,
    max(total_price) as list_price_amount,
    'USD' as currency,
    false as is_discontinued,
from sources.webshop_purchases
group by product_id
