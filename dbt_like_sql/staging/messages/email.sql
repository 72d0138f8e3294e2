-- One row per recipient of a campaign, held-out ones included.

select
    'email' as source,
    message_id,
    recipient_system as record_source,
    recipient_id as record_id,
    campaign_id,
    'email' as channel,
    held_out as is_control,
    sent_at,
    opened_at,
    clicked_at,
    replied_at,
from sources.email_messages
