-- One row per person and stay at a home: from the day they are first known there to the day they
-- are first known elsewhere.
--
-- Days are when a record says so (its last change), not when somebody moved. At the first home a
-- person is known since their oldest record there was made. A house's letter and flat that one
-- record gives hold for the person's other records of the same house. Company records, and persons'
-- records that carry a company (a work address), are no homes. Who has a protected identity is left
-- out altogether; a death ends the last stay. Holds personal values.

with

clock as (
    select time_zone,
    from sources.run_clock
),

people as (
    select
        links.customer_id,
        min(
            ((records.updated_at at time zone 'UTC') at time zone clock.time_zone)::date
        ) filter (where records.is_deceased) as deceased_on,
        bool_or(coalesce(records.is_deceased, false)) as is_deceased,
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

work_records as (
    select
        contacts.record_source as source,
        contacts.record_id,
    from staging.company_contacts as contacts
    where contacts.record_id is not null
    group by all
),

home_records as (
    select
        links.customer_id,
        addresses.source,
        addresses.record_id,
        addresses.place_id,
        addresses.house_id,
        addresses.house_letter,
        addresses.flat,
        ((records.created_at at time zone 'UTC') at time zone clock.time_zone)::date as created_on,
        (
            (coalesce(records.updated_at, records.created_at) at time zone 'UTC')
            at time zone clock.time_zone
        )::date as seen_on,
        coalesce(records.updated_at, records.created_at) as seen_at,
    from identity.postal_addresses as addresses
    inner join identity.identity_map as links
        on
            addresses.source = links.source
            and addresses.record_id = links.record_id
    inner join staging.customer_records as records
        on
            addresses.source = records.source
            and addresses.record_id = records.record_id
    inner join people
        on links.customer_id = people.customer_id
    anti join work_records
        on
            addresses.source = work_records.source
            and addresses.record_id = work_records.record_id
    cross join clock
    where
        addresses.record_kind = 'customer'
        and records.kind is distinct from 'company'
        and records.company_name is null
        and records.organisation_number is null
),

-- what the newest record that says so says of letter and flat, for those that do not
filled as (
    select
        home_records.customer_id,
        home_records.source,
        home_records.record_id,
        home_records.place_id,
        home_records.house_id,
        coalesce(home_records.house_letter, last_value(home_records.house_letter ignore nulls) over house)
            as house_letter,
        coalesce(home_records.flat, last_value(home_records.flat ignore nulls) over house) as flat,
        home_records.created_on,
        home_records.seen_on,
        home_records.seen_at,
    from home_records
    window house as (
        partition by home_records.customer_id, home_records.house_id
        order by home_records.seen_at nulls first, home_records.source, home_records.record_id
        rows between unbounded preceding and unbounded following
    )
),

steps as (
    select
        filled.customer_id,
        filled.source,
        filled.record_id,
        filled.place_id,
        filled.house_id,
        filled.house_letter,
        filled.flat,
        filled.created_on,
        filled.seen_on,
        filled.seen_at,
        coalesce(
            filled.house_id = lag(filled.house_id) over in_time
            and (filled.house_letter is not distinct from lag(filled.house_letter) over in_time)
            and (filled.flat is not distinct from lag(filled.flat) over in_time),
            false
        ) as is_same_home,
    from filled
    window in_time as (
        partition by filled.customer_id
        order by filled.seen_at nulls first, filled.source, filled.record_id
    )
),

numbered as (
    select
        steps.customer_id,
        steps.place_id,
        steps.house_id,
        steps.house_letter,
        steps.flat,
        steps.created_on,
        steps.seen_on,
        sum(case when steps.is_same_home then 0 else 1 end) over (
            partition by steps.customer_id
            order by steps.seen_at nulls first, steps.source, steps.record_id
        ) as stay_number,
    from steps
),

stays as (
    select
        numbered.customer_id,
        numbered.stay_number,
        numbered.place_id,
        numbered.house_id,
        numbered.house_letter,
        numbered.flat,
        min(numbered.created_on) as created_on,
        min(numbered.seen_on) as first_seen_on,
        max(numbered.seen_on) as last_seen_on,
    from numbered
    group by all
)

select
    stays.customer_id, -- The person
    stays.stay_number::integer as stay_number, -- Number of the stay in the person's life, from 1
    stays.place_id, -- Country, postcode and number of the house {drops address: a hash of it}
    stays.house_id, -- The house {drops address: a hash of it}
    stays.house_letter, -- Letter of the house or stairwell; null when no record gives it
    stays.flat, -- Flat; null when no record gives it
    case
        when stays.stay_number = 1 then least(stays.created_on, stays.first_seen_on)
        else stays.first_seen_on
    end as from_on, -- First day known there; null when no record has a date
    case
        when lead(stays.customer_id) over person is not null
            then lead(stays.first_seen_on) over person
        when people.is_deceased then coalesce(people.deceased_on, stays.last_seen_on)
    end as to_on, -- First day known elsewhere, or the day the death was noted; null while they live there
    stays.first_seen_on, -- First day a record last changed says so
    stays.last_seen_on, -- Last day a record says so
    lead(stays.customer_id) over person is null and not people.is_deceased as is_current, -- The last known home of a living person {drops attribute: only whether the stay lasts}
from stays
inner join people
    on stays.customer_id = people.customer_id
window person as (partition by stays.customer_id order by stays.stay_number)
