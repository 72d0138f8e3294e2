-- One row per company and person who is or was a contact there.
--
-- By what sources say (delivered: with the person's record; delivered_email: by an address of mail
-- that exactly one person has), by a sole trader's own number, by an account of the company that a
-- person uses with their own address, and, as weak evidence, by an address under the company's own
-- domain. A domain is a company's own where no other company and no mail provider has it, and a
-- handful of people use it at most. Without a day from the source, a contact begins when the
-- person's record was made. Who has a protected identity is left out: where somebody works tells
-- where to find them. Says nothing about permission, which is each person's own.

with

clock as (
    select time_zone,
    from sources.run_clock
),

people as (
    select
        links.customer_id,
        bool_or(coalesce(records.is_deceased, false)) as is_deceased,
        min(
            ((records.updated_at at time zone 'UTC') at time zone clock.time_zone)::date
        ) filter (where records.is_deceased) as deceased_on,
    from identity.identity_map as links
    inner join staging.customer_records as records
        on
            links.source = records.source
            and links.record_id = records.record_id
    cross join clock
    group by links.customer_id
    having
        not bool_or(coalesce(records.has_protected_identity, false))
        and count(*) filter (where records.kind = 'company') * 2 <= count(*)
),

person_records as (
    select
        links.customer_id,
        records.source,
        records.record_id,
        records.email,
        split_part(records.email, '@', 2) as domain,
        records.family_name,
        records.national_id,
        records.country,
        ((records.created_at at time zone 'UTC') at time zone clock.time_zone)::date as created_on,
    from identity.standardised_records as records
    inner join identity.identity_map as links
        on
            records.source = links.source
            and records.record_id = links.record_id
    inner join people
        on links.customer_id = people.customer_id
    cross join clock
    where records.kind = 'person'
),

-- an address of mail that exactly one person has
owned_emails as (
    select
        person_records.email,
        min(person_records.customer_id) as customer_id,
    from person_records
    where person_records.email is not null
    group by person_records.email
    having count(distinct person_records.customer_id) = 1
),

delivered as (
    select
        company_map.company_id,
        coalesce(person_records.customer_id, owned_emails.customer_id) as customer_id,
        case
            when person_records.customer_id is not null then 'delivered'
            else 'delivered_email'
        end as evidence,
        case when person_records.customer_id is not null then 1 else 3 end as strength,
        contacts.role,
        coalesce(contacts.started_on, person_records.created_on) as from_on,
        contacts.started_on,
        contacts.ended_on,
        contacts.updated_at,
        contacts.source,
        contacts.contact_id,
    from staging.company_contacts as contacts
    inner join identity.company_map as company_map
        on
            contacts.company_record_source = company_map.source
            and contacts.company_record_id = company_map.record_id
    left join person_records
        on
            contacts.record_source = person_records.source
            and contacts.record_id = person_records.record_id
    left join owned_emails
        on
            contacts.record_id is null
            and lower(trim(contacts.contact_email)) = owned_emails.email
    where coalesce(person_records.customer_id, owned_emails.customer_id) is not null
),

sole_traders as (
    select
        ids.company_id,
        person_records.customer_id,
        min(person_records.created_on) as from_on,
    from identity.company_records as companies
    inner join identity.company_ids as ids
        on companies.company_key = ids.company_key
    inner join person_records
        on
            companies.organisation_number = person_records.national_id
            and companies.country = person_records.country
    where companies.is_sole_trader
    group by all
),

accounts as (
    select
        company_map.company_id,
        owned_emails.customer_id,
        min(
            ((companies.created_at at time zone 'UTC') at time zone clock.time_zone)::date
        ) as from_on,
    from identity.company_map as company_map
    inner join identity.standardised_records as companies
        on
            company_map.record_kind = 'customer'
            and company_map.source = companies.source
            and company_map.record_id = companies.record_id
    inner join owned_emails
        on companies.email = owned_emails.email
    inner join person_records
        on
            owned_emails.customer_id = person_records.customer_id
            and companies.family_name = person_records.family_name
    cross join clock
    group by
        company_map.company_id,
        owned_emails.customer_id
),

company_domains as (
    select
        details.company_id,
        split_part(lower(trim(details.email)), '@', 2) as domain,
        details.employee_count,
    from identity.company_details as details
    where details.email is not null
    union
    select
        details.company_id,
        regexp_extract(lower(trim(details.website)), '^(?:https?://)?(?:www\.)?([^/:?#]+)', 1) as domain,
        details.employee_count,
    from identity.company_details as details
    where details.website is not null
),

people_per_domain as (
    select
        person_records.domain,
        count(distinct person_records.customer_id) as person_count,
    from person_records
    where person_records.domain is not null
    group by person_records.domain
),

own_domains as (
    select
        company_domains.domain,
        min(company_domains.company_id) as company_id,
    from company_domains
    left join people_per_domain
        on company_domains.domain = people_per_domain.domain
    where
        contains(company_domains.domain, '.')
        and not regexp_full_match(
            company_domains.domain,
            '(.+\.)?(gmail|googlemail|outlook|hotmail|live|msn|yahoo|ymail|icloud|me|mac|aol|gmx|web|mail'
            || '|proton|protonmail|zoho|yandex|fastmail|hey|tutanota|passagen|spray|telia|comhem|bredband'
            || '|bredbandsbolaget|bahnhof|tele2|online|getmail|broadpark|altibox|frisurf|start|jubii|ofir'
            || '|stofanet|tdcadsl|tdcspace|mailme|kolumbus|elisanet|luukku|suomi24|pp|saunalahti|welho|dnainternet)'
            || '\.(com|net|org|se|no|dk|fi|de|me|co\.uk|nu|eu|inet\.fi)'
        )
        -- more people than work there: a provider, or an association
        and coalesce(people_per_domain.person_count, 0)
        <= greatest(20, coalesce(company_domains.employee_count, 0))
    group by company_domains.domain
    having count(distinct company_domains.company_id) = 1
),

by_domain as (
    select
        own_domains.company_id,
        person_records.customer_id,
        min(person_records.created_on) as from_on,
    from own_domains
    inner join person_records
        on own_domains.domain = person_records.domain
    group by all
),

relations as (
    select
        delivered.company_id,
        delivered.customer_id,
        delivered.evidence,
        delivered.strength,
        delivered.role,
        delivered.from_on,
        delivered.started_on,
        delivered.ended_on,
        delivered.updated_at,
        delivered.source || ' ' || delivered.contact_id as relation_key,
    from delivered
    union all
    select
        sole_traders.company_id,
        sole_traders.customer_id,
        'national_id' as evidence,
        2 as strength,
        'owner' as role,
        sole_traders.from_on,
        null::date as started_on,
        null::date as ended_on,
        null::timestamp as updated_at,
        '' as relation_key,
    from sole_traders
    union all
    select
        accounts.company_id,
        accounts.customer_id,
        'company_account' as evidence,
        4 as strength,
        null::varchar as role,
        accounts.from_on,
        null::date as started_on,
        null::date as ended_on,
        null::timestamp as updated_at,
        '' as relation_key,
    from accounts
    union all
    select
        by_domain.company_id,
        by_domain.customer_id,
        'email_domain' as evidence,
        5 as strength,
        null::varchar as role,
        by_domain.from_on,
        null::date as started_on,
        null::date as ended_on,
        null::timestamp as updated_at,
        '' as relation_key,
    from by_domain
),

contacts as (
    select
        relations.company_id,
        relations.customer_id,
        arg_max(
            relations.role,
            (-relations.strength, coalesce(relations.updated_at, timestamp '0001-01-01'), relations.relation_key)
        ) filter (where relations.role is not null) as role,
        arg_min(relations.evidence, (relations.strength, relations.evidence)) as evidence,
        string_agg(distinct relations.evidence, ', ' order by relations.evidence) as all_evidence,
        min(relations.strength) as strength,
        min(relations.from_on) as from_on,
        max(relations.started_on) as last_started_on,
        max(relations.ended_on) as ended_on,
    from relations
    group by
        relations.company_id,
        relations.customer_id
)

select
    contacts.company_id, -- The company
    contacts.customer_id, -- The person
    contacts.role, -- What the person is there, as delivered by the newest relation that says; owner for a sole trader
    contacts.evidence, -- The strongest of delivered, national_id, delivered_email, company_account and email_domain {drops name: only what matched} {drops email: only what matched} {drops national_id: only what matched}
    contacts.all_evidence, -- All of them, sorted, separated by commas
    contacts.strength = 5 as is_weak, -- Nothing but the address's domain says so
    contacts.from_on, -- First day known as a contact; null when nothing is dated
    case
        when contacts.ended_on >= coalesce(contacts.last_started_on, contacts.ended_on)
            then contacts.ended_on
        when people.is_deceased then people.deceased_on
    end as to_on, -- First day no longer a contact: as delivered, or the day a death was noted; null while it lasts
from contacts
inner join people
    on contacts.customer_id = people.customer_id
