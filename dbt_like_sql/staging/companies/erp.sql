-- One row per company in the ERP's ledger.
-- Norwegian, Danish and Finnish numbers are written as the country does; identity cleans them.

select
    'erp' as source,
    partner_id as company_record_id,
    company_name,
    organisation_number,
    parent_organisation_number,
    country,
    industry,
    employee_count,
    street,
    postcode,
    city,
    website,
    email,
    phone,
    created_at,
    changed_at as updated_at,
from sources.erp_business_partners
