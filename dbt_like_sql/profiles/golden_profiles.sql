-- One row per customer: the best known value of every field, and how much stands behind it.
--
-- Which record each field group comes from is decided in profile_provenance; this table only
-- fetches the values. A flag that protects a person (deceased, protected identity, minor) holds
-- when any one of the merged records says so. Holds personal values: published in the vault.

with

clock as (
    select
        as_of_on,
        time_zone,
    from sources.run_clock
),

identity_map as (
    select
        links.source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

records as (
    select
        records.source,
        records.record_id,
        records.kind,
        case
            when standardised.is_name_turned_round then records.family_name
            else records.given_name
        end as given_name,
        case
            when standardised.is_name_turned_round then records.given_name
            else records.family_name
        end as family_name,
        records.full_name,
        records.company_name,
        coalesce(standardised.organisation_number, records.organisation_number)
            as organisation_number,
        standardised.email,
        standardised.phone,
        records.street,
        records.postcode,
        records.city,
        records.region,
        records.country,
        standardised.birth_on,
        records.gender,
        lower(records.language) as language, -- noqa: RF04
        standardised.national_id,
        standardised.loyalty_id,
        records.is_prospect,
        records.is_deceased,
        records.has_protected_identity,
        records.created_at,
        records.updated_at,
    from staging.customer_records as records
    left join identity.standardised_records as standardised
        on
            records.source = standardised.source
            and records.record_id = standardised.record_id
),

winners as (
    select
        provenance.customer_id,
        provenance.field_group,
        provenance.source,
        provenance.record_id,
    from profiles.profile_provenance as provenance
    where provenance.is_winner
),

-- one winner per group, so each max() picks the one value there is
winning_values as (
    select
        winners.customer_id,
        max(records.given_name) filter (where winners.field_group = 'name') as given_name,
        max(records.family_name) filter (where winners.field_group = 'name') as family_name,
        max(
            coalesce(
                nullif(concat_ws(' ', records.given_name, records.family_name), ''),
                records.full_name
            )
        ) filter (where winners.field_group = 'name') as full_name,
        max(records.company_name) filter (
            where winners.field_group = 'organisation'
        ) as company_name,
        max(records.organisation_number) filter (
            where winners.field_group = 'organisation'
        ) as organisation_number,
        max(records.email) filter (where winners.field_group = 'email') as email,
        max(records.phone) filter (where winners.field_group = 'phone') as phone,
        max(records.street) filter (where winners.field_group = 'address') as street,
        max(records.postcode) filter (where winners.field_group = 'address') as postcode,
        max(records.city) filter (where winners.field_group = 'address') as city,
        max(records.region) filter (where winners.field_group = 'address') as region,
        max(records.country) filter (where winners.field_group = 'address') as country,
        max(records.birth_on) filter (where winners.field_group = 'birth_date') as birth_on,
        max(records.gender) filter (where winners.field_group = 'gender') as gender,
        max(records.language) filter (where winners.field_group = 'language') as language, -- noqa: RF04
        max(records.national_id) filter (where winners.field_group = 'national_id') as national_id,
        max(records.loyalty_id) filter (where winners.field_group = 'loyalty_id') as loyalty_id,
    from winners
    inner join records
        on
            winners.source = records.source
            and winners.record_id = records.record_id
    group by winners.customer_id
),

records_per_customer as (
    select
        identity_map.customer_id,
        count(*) as record_count,
        count(distinct identity_map.source) as source_count,
        string_agg(distinct identity_map.source, ', ' order by identity_map.source) as sources,
        count(*) filter (where records.kind = 'company') * 2 > count(*) as is_company,
        -- where the winning address names no country, the alphabetically first one known
        min(records.country) as any_country,
        bool_and(coalesce(records.is_prospect, false)) as has_only_prospect_records,
        bool_or(coalesce(records.is_deceased, false)) as is_deceased,
        bool_or(coalesce(records.has_protected_identity, false)) as has_protected_identity,
        bool_or(
            records.birth_on <= clock.as_of_on
            and records.birth_on > (clock.as_of_on - interval 18 year)::date
        ) as is_minor,
        min(
            ((records.created_at at time zone 'UTC') at time zone clock.time_zone)::date
        ) as first_seen_on,
        max(records.updated_at) as last_updated_at,
    from identity_map
    inner join records
        on
            identity_map.source = records.source
            and identity_map.record_id = records.record_id
    cross join clock
    group by identity_map.customer_id
),

attributes_per_customer as (
    select
        attributes.customer_id,
        to_json(
            map_from_entries(
                list((attributes.attribute, attributes.value) order by attributes.attribute)
            )
        )::varchar as attributes,
    from profiles.customer_attributes as attributes
    group by attributes.customer_id
),

-- a person is part of one household at a time
households as (
    select
        members.customer_id,
        min(members.household_id) as household_id,
    from identity.household_members as members
    where members.is_current
    group by members.customer_id
),

companies as (
    select
        records.customer_id,
        arg_max(records.company_id, (records.record_count, records.company_id)) as company_id,
    from (
        select
            company_map.customer_id,
            company_map.company_id,
            count(*) as record_count,
        from identity.company_map as company_map
        where company_map.customer_id is not null
        group by all
    ) as records
    group by records.customer_id
),

buyers as (
    select orders.customer_id,
    from profiles.orders as orders
    where orders.is_purchase
    group by orders.customer_id
)

select
    per_customer.customer_id, -- Customer
    case when per_customer.is_company then 'company' else 'person' end as kind, -- What most of the records are: person or company
    households.household_id, -- Household the person is part of now; null for companies, and where no home is known
    case when per_customer.is_company then companies.company_id end as company_id, -- Company the customer is; identity.company_contacts has the people who answer for it
    winning_values.given_name, -- Given name
    winning_values.family_name, -- Family name
    winning_values.full_name, -- Given and family name, else the name as the source writes it in one field
    winning_values.company_name, -- Name of the company
    winning_values.organisation_number, -- Organisation number of the company
    winning_values.email, -- E-mail address in lower case
    winning_values.phone, -- Phone number in E.164
    winning_values.street, -- Street and number; the five address fields come from one record
    winning_values.postcode, -- Postcode
    winning_values.city, -- City
    winning_values.region, -- Region, state or county
    coalesce(winning_values.country, per_customer.any_country) as country, -- Country, ISO 3166-1 alpha-2
    winning_values.birth_on, -- Birth date
    winning_values.gender, -- Gender as delivered
    winning_values.language, -- Language, ISO 639-1
    winning_values.national_id, -- National identity number
    winning_values.loyalty_id, -- Number in the loyalty programme
    attributes_per_customer.attributes, -- All other attributes as one JSON object, keys sorted; null when there are none
    per_customer.sources, -- Source systems that know the customer, sorted, separated by commas
    per_customer.record_count::integer as record_count, -- Records behind the profile
    per_customer.source_count::integer as source_count, -- Source systems behind the profile
    buyers.customer_id is null
    and per_customer.has_only_prospect_records as is_prospect, -- Never bought, and every record says prospect
    per_customer.is_deceased, -- Any record says the person is dead
    per_customer.has_protected_identity, -- Any record says the identity is protected
    coalesce(per_customer.is_minor, false) as is_minor, -- Under 18 on the as-of date by any record's birth date {drops birth_date: only whether under age}
    winning_values.email is not null as has_email, -- An e-mail address is known {drops email: only whether there is one}
    winning_values.phone is not null as has_phone, -- A phone number is known {drops phone: only whether there is one}
    winning_values.street is not null as has_address, -- A street address is known {drops address: only whether there is one}
    per_customer.first_seen_on, -- Day the oldest record was created, in the business's time zone
    per_customer.last_updated_at, -- When any of the records was last changed, UTC
from records_per_customer as per_customer
left join winning_values
    on per_customer.customer_id = winning_values.customer_id
left join attributes_per_customer
    on per_customer.customer_id = attributes_per_customer.customer_id
left join households
    on per_customer.customer_id = households.customer_id
left join companies
    on per_customer.customer_id = companies.customer_id
left join buyers
    on per_customer.customer_id = buyers.customer_id
