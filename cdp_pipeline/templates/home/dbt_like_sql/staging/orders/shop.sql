-- One row per order of the shop, summed from its lines.
select
    'shop' as source,
    s.order_id,
    'shop' as record_source,
    max(s.customer_id) as record_id,
    'store' as channel,
    min(s.sold_at) as ordered_at,
    max(s.currency) as currency,
    sum(s.amount) as total_amount,
    'completed' as status,
from sources.shop_sales as s
group by s.order_id
