-- One row per contact of the web shop.
-- Names, e-mail and phone are as typed; full_name is left out because it holds the same two names
-- in either order. What the shop knows beyond our columns is carried as attributes.

select
    'webshop' as source,
    contact_id as record_id,
    'person' as kind,
    first_name as given_name,
    last_name as family_name,
    email,
    telephone as phone,
    street_address as street,
    postcode,
    city,
    state as region,
    case country when 'USA' then 'US' when 'Canada' then 'CA' end as country,
    birth_date as birth_on,
    gender,
    20 as trust,
    created_at,
    created_at as updated_at,
    loyalty_tier,
    occupation,
    customer_satisfaction,
    cast(income as varchar) as income,
    case when is_email_subscriber then 'yes' when not is_email_subscriber then 'no' end
        as email_subscriber,
from sources.webshop_contacts
