-- One row per purchase in the web shop.
-- The export has one product per purchase, so an order has one line.

select
    'webshop' as source,
    purchase_id as order_id,
    case when contact_id is not null then 'webshop' end as record_source,
    contact_id as record_id,
    'web' as channel,
    purchased_at as ordered_at,
    'USD' as currency,
    total_price as total_amount,
    'completed' as status,
from sources.webshop_purchases
