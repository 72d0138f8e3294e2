-- One row per club card.
-- "SURNAME, GIVEN" is taken apart at the comma; a name without one stays whole.

select
    'pos' as source,
    member_number as record_id,
    'person' as kind,
    case
        when contains(full_name, ',') then trim(split_part(full_name, ',', 2))
    end as given_name,
    case
        when contains(full_name, ',') then trim(split_part(full_name, ',', 1))
    end as family_name,
    case when not contains(full_name, ',') then full_name end as full_name,
    email,
    phone,
    street,
    postcode,
    city,
    case country
        when 'S' then 'SE'
        when 'N' then 'NO'
        when 'FIN' then 'FI'
        else country
    end as country,
    birth_date as birth_on,
    member_number as loyalty_id,
    false as is_prospect,
    30 as trust,
    created_at,
    changed_at as updated_at,
    home_store, -- Store that issued the club card.
from sources.pos_members
