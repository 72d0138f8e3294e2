-- One row per ticket of customer service.

select
    'support' as source,
    ticket_id,
    customer_system as record_source,
    customer_id as record_id,
    created_at as opened_at,
    closed_at,
    channel,
    category,
    language,
    subject,
    body,
    status,
from sources.support_tickets
