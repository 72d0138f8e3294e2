-- One row per contact who takes the newsletter or declined it.
-- The export holds the state, not the event; the day the contact was created stands for when.

select
    'webshop' as source,
    contact_id || '/newsletter' as event_id,
    'webshop' as record_source,
    contact_id as record_id,
    email as contact_point,
    'email' as channel,
    'marketing' as purpose,
    is_email_subscriber as is_granted,
    created_at as decided_at,
    'Email Subscriber in the shop' as evidence,
from sources.webshop_contacts
where is_email_subscriber is not null
