-- One row per contact in the CRM.
-- The export has no number of its own: the record's id is a hash of the name, so that it stays the
-- same from one export to the next and no name leaves in it. Where the address lines are shifted
-- (city and state in the second and third line), they are put back.

select
    'crm' as source,
    'CRM_' || left(md5(lower(trim(full_name))), 12) as record_id, -- Hash of the name. {drops name: hashed}
    'person' as kind,
    first_name as given_name,
    last_name as family_name,
    email,
    business_phone as phone,
    street_1 as street,
    postcode,
    coalesce(city, case when street_3 is not null then street_2 end) as city,
    street_3 as region,
    case country when 'USA' then 'US' when 'Canada' then 'CA' end as country,
    gender,
    10 as trust,
from sources.crm_contacts
