-- One row per decision of a customer about a channel and a purpose.
-- The system is named after the record it was decided for, not after the register.

select
    'consent' as source,
    event_id,
    customer_system as record_source,
    customer_id as record_id,
    contact_point,
    channel,
    purpose,
    decision = 'granted' as is_granted,
    decided_at,
    evidence,
from sources.consent_consents
