-- One row per pair of people at one home who are one household, with what says so.
--
-- A shared part of a surname ties, also across a slip of one letter. Where the people behind a door
-- have many names, a common surname is there by chance: it ties while fewer than one in ten of the
-- neighbours would be expected to bear it, as often as the houses elsewhere have it. More than
-- twelve of one name behind a door are an institution. Different surnames are tied by an e-mail
-- address, phone or loyalty number that both have and at most two families use. Where a company has
-- its address, a flat or one surname for everybody makes it a home; without, nobody is tied.

with

homes as (
    select
        homes.dwelling_id,
        homes.house_id,
        homes.customer_id,
        homes.surnames,
        bool_or(homes.has_flat) as has_flat,
    from identity.household_homes as homes
    group by all
),

-- a sole trader's company is at home
company_houses as (
    select addresses.house_id,
    from identity.company_records as companies
    inner join identity.postal_addresses as addresses
        on
            companies.record_kind = addresses.record_kind
            and companies.source = addresses.source
            and companies.record_id = addresses.record_id
    where not companies.is_sole_trader
    group by addresses.house_id
),

names as (
    select
        homes.dwelling_id,
        homes.house_id,
        homes.customer_id,
        homes.has_flat,
        unnest(homes.surnames) as surname,
    from homes
),

bearers as (
    select
        names.dwelling_id,
        names.house_id,
        names.surname,
        bool_or(names.has_flat) as has_flat,
        count(*) as bearer_count,
    from names
    group by all
),

people_per_dwelling as (
    select
        homes.dwelling_id,
        count(*) as person_count,
    from homes
    group by homes.dwelling_id
),

houses_per_name as (
    select
        names.surname,
        count(distinct names.house_id) as house_count,
    from names
    group by names.surname
),

all_houses as (
    select count(distinct homes.house_id) as house_count,
    from homes
),

deciding_names as (
    select
        bearers.dwelling_id,
        bearers.surname,
    from bearers
    inner join people_per_dwelling as people
        on bearers.dwelling_id = people.dwelling_id
    inner join houses_per_name
        on bearers.surname = houses_per_name.surname
    cross join all_houses
    left join company_houses
        on bearers.house_id = company_houses.house_id
    where
        bearers.bearer_count between 2 and 12
        -- neighbours x share of the other houses with the name < one in ten; twenty houses more
        -- without it, as a share among a handful says little
        and (people.person_count - bearers.bearer_count) * (houses_per_name.house_count - 1) * 10
        <= all_houses.house_count - 1 + 20
        and (
            company_houses.house_id is null
            or bearers.has_flat
            or people.person_count = bearers.bearer_count
        )
),

by_surname as (
    select
        one.customer_id,
        other.customer_id as other_customer_id,
        one.dwelling_id,
    from deciding_names
    inner join names as one
        on
            deciding_names.dwelling_id = one.dwelling_id
            and deciding_names.surname = one.surname
    inner join names as other
        on
            one.dwelling_id = other.dwelling_id
            and one.surname = other.surname
            and one.customer_id < other.customer_id
),

-- a slip in a surname, where few enough live there
by_similar_surname as (
    select
        one.customer_id,
        other.customer_id as other_customer_id,
        one.dwelling_id,
    from names as one
    inner join people_per_dwelling as people
        on
            one.dwelling_id = people.dwelling_id
            and people.person_count <= 12
    inner join names as other
        on
            one.dwelling_id = other.dwelling_id
            and one.customer_id < other.customer_id
            and left(one.surname, 1) = left(other.surname, 1)
    left join company_houses
        on one.house_id = company_houses.house_id
    where
        one.surname <> other.surname
        and least(length(one.surname), length(other.surname)) >= 6
        and damerau_levenshtein(one.surname, other.surname) = 1
        and (company_houses.house_id is null or one.has_flat)
),

person_records as (
    select
        links.customer_id,
        records.family_name,
        records.email,
        records.email_base,
        records.phone,
        records.loyalty_id,
    from identity.standardised_records as records
    inner join identity.identity_map as links
        on
            records.source = links.source
            and records.record_id = links.record_id
    where records.kind = 'person'
),

contact_values as (
    select
        person_records.customer_id,
        person_records.family_name,
        'email' as evidence,
        person_records.email_base as value,
        person_records.email as delivered_value,
    from person_records
    where person_records.email_base is not null
    union all
    select
        person_records.customer_id,
        person_records.family_name,
        'phone' as evidence,
        person_records.phone as value,
        person_records.phone as delivered_value,
    from person_records
    where person_records.phone is not null
    union all
    select
        person_records.customer_id,
        person_records.family_name,
        'loyalty_id' as evidence,
        person_records.loyalty_id as value,
        person_records.loyalty_id as delivered_value,
    from person_records
    where person_records.loyalty_id is not null
),

family_contacts as (
    select
        contact_values.evidence,
        contact_values.value,
    from contact_values
    left join identity.shared_identifiers as shared
        on
            contact_values.evidence = shared.identity_column
            and contact_values.delivered_value = shared.value
    group by all
    having
        count(shared.value) = 0
        and count(distinct contact_values.customer_id) between 2 and 6
        and count(distinct contact_values.family_name) <= 2
),

by_contact as (
    select
        one.customer_id,
        other.customer_id as other_customer_id,
        one.dwelling_id,
        family_contacts.evidence,
    from family_contacts
    inner join contact_values as one_value
        on
            family_contacts.evidence = one_value.evidence
            and family_contacts.value = one_value.value
    inner join contact_values as other_value
        on
            family_contacts.evidence = other_value.evidence
            and family_contacts.value = other_value.value
            and one_value.customer_id < other_value.customer_id
    inner join homes as one
        on one_value.customer_id = one.customer_id
    inner join homes as other
        on
            other_value.customer_id = other.customer_id
            and one.dwelling_id = other.dwelling_id
    left join company_houses
        on one.house_id = company_houses.house_id
    where company_houses.house_id is null or one.has_flat
    group by all
),

ties as (
    select
        by_surname.dwelling_id,
        by_surname.customer_id,
        by_surname.other_customer_id,
        'surname' as evidence,
    from by_surname
    union all
    select
        by_similar_surname.dwelling_id,
        by_similar_surname.customer_id,
        by_similar_surname.other_customer_id,
        'similar_surname' as evidence,
    from by_similar_surname
    union all
    select
        by_contact.dwelling_id,
        by_contact.customer_id,
        by_contact.other_customer_id,
        by_contact.evidence,
    from by_contact
)

select
    ties.dwelling_id, -- The home
    ties.customer_id, -- One person: the lower id
    ties.other_customer_id, -- The other
    string_agg(distinct ties.evidence, ', ' order by ties.evidence) as evidence, -- surname, similar_surname, email, phone, loyalty_id: sorted, separated by commas
from ties
group by
    ties.dwelling_id,
    ties.customer_id,
    ties.other_customer_id
