-- One row per receipt or return at the desk.
-- A receipt without a card has no buyer: both record columns are null.

select
    'pos' as source,
    receipt_id as order_id,
    case when member_number is not null then 'pos' end as record_source,
    member_number as record_id,
    'store' as channel,
    store_id,
    sold_at as ordered_at,
    currency,
    total as total_amount,
    'completed' as status,
from sources.pos_receipts
