-- One row per purchase in a store.
-- The export has one product per purchase, so an order has one line; it does not name the store.

select
    'loyalty' as source,
    purchase_id as order_id,
    case when loyalty_id is not null then 'loyalty' end as record_source,
    loyalty_id as record_id,
    'store' as channel,
    purchased_at as ordered_at,
    'USD' as currency,
    total_price as total_amount,
    'completed' as status,
from sources.loyalty_purchases
