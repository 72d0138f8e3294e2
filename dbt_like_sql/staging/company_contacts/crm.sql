-- One row per contact at a company in the CRM.
-- The CRM keeps one row per contact and employer, so the contact's number is the relation's too.

select
    'crm' as source,
    contact_id,
    'crm' as record_source,
    contact_id as record_id,
    'crm' as company_record_source,
    account_id as company_record_id,
    contact_role as role,
    left_on as ended_on,
    changed_at as updated_at,
from sources.crm_contacts
where
    contact_type = 'Kontakt'
    and account_id is not null
