-- One row per web order or credit order.
-- A credit order takes something back: its total is negative, and its lines say what.

select
    'webshop' as source,
    order_id,
    'webshop' as record_source,
    user_id as record_id,
    'web' as channel,
    ordered_at,
    currency,
    total as total_amount,
    case when status = 'cancelled' then 'cancelled' else 'completed' end as status,
    campaign_code as campaign_id,
from sources.webshop_orders
