-- One row per customer account of the shop.
select
    'shop' as source,
    c.customer_id as record_id,
    'person' as kind,
    c.first_name as given_name,
    c.last_name as family_name,
    c.email,
    c.phone,
    20 as trust,
    c.created_at,
from sources.shop_customers as c
