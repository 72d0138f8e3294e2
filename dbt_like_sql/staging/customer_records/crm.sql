-- One row per contact in the CRM: customers, prospects, companies and contacts at companies.
-- A contact at a company is a person; the company has a row of its own.

select
    'crm' as source,
    contact_id as record_id,
    case when contact_type = 'Företag' then 'company' else 'person' end as kind,
    given_name,
    family_name,
    email,
    phone,
    street,
    postcode,
    city,
    case country
        when 'Sverige' then 'SE'
        when 'Norge' then 'NO'
        when 'Danmark' then 'DK'
        when 'Finland' then 'FI'
    end as country,
    birth_date as birth_on,
    case gender when 'Kvinna' then 'female' when 'Man' then 'male' end as gender,
    national_id,
    organisation_number,
    company_name,
    loyalty_number as loyalty_id,
    language,
    contact_type = 'Prospekt' as is_prospect,
    is_deceased,
    has_protected_identity,
    10 as trust,
    created_at,
    changed_at as updated_at,
    customer_tier, -- Brons, Silver or Guld, set by customer service.
    preferred_store, -- Store number they named as their own.
    newsletter_topic, -- Topic of the newsletter they chose.
    credit_limit as credit_limit_amount, -- Credit limit in the country's currency.
from sources.crm_contacts
