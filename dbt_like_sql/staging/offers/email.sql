-- One row per personal offer in a mail or on the website.

select
    'email' as source,
    offer_id,
    recipient_system as record_source,
    recipient_id as record_id,
    campaign_id,
    product_id,
    channel,
    shown_at,
    accepted_at,
    expires_on,
    discount_percent::decimal(18, 4) / 100 as discount_share,
from sources.email_offers
