-- One row per user of the web shop, guest checkouts included.
-- A user with a company name is a business account, whoever typed the order.

select
    'webshop' as source,
    user_id as record_id,
    case when company is null then 'person' else 'company' end as kind,
    first_name as given_name,
    last_name as family_name,
    email,
    phone,
    street,
    postcode,
    city,
    upper(country) as country,
    birth_date as birth_on,
    -- SE + ten figures + 01, NO + nine + MVA, DK + eight, FI + eight
    case left(vat_number, 2)
        when 'SE' then substring(vat_number, 3, 10)
        when 'NO' then substring(vat_number, 3, 9)
        else substring(vat_number, 3, 8)
    end as organisation_number,
    company as company_name,
    loyalty_number as loyalty_id,
    left(locale, 2) as language,
    false as is_prospect,
    20 as trust,
    created_at,
    updated_at,
from sources.webshop_users
