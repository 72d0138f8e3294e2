-- One row per contact person in the ERP's ledger of companies.
-- The ledger has a name and an address of mail; whose they are, identity finds out.

select
    'erp' as source,
    partner_id as contact_id,
    contact_person as contact_name,
    contact_email,
    'erp' as company_record_source,
    partner_id as company_record_id,
    changed_at as updated_at,
from sources.erp_business_partners
where
    contact_person is not null
    or contact_email is not null
