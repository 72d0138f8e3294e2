-- One row per household, person and stay: who is or was part of it, from when to when.
--
-- A person is part of one household at a time. Stays that only an earlier release knew, because
-- the record's address was overwritten since, are kept, and end when the new one was first known.
-- Who lives alone is a household of one. Nobody with a protected identity is here, nor anybody
-- without a known street address. Published in the vault.

with

clock as (
    select as_of_on,
    from sources.run_clock
),

people as (
    select
        links.customer_id,
        bool_or(
            records.birth_on > (clock.as_of_on - interval 18 year)::date
        ) as is_child,
    from identity.identity_map as links
    inner join identity.standardised_records as records
        on
            links.source = records.source
            and links.record_id = records.record_id
    cross join clock
    group by links.customer_id
),

protected as (
    select links.customer_id,
    from identity.identity_map as links
    inner join staging.customer_records as records
        on
            links.source = records.source
            and links.record_id = records.record_id
    where records.has_protected_identity
    group by links.customer_id
),

known_before as (
    select
        coalesce(aliases.customer_id, members.customer_id) as customer_id,
        members.household_id,
        members.dwelling_id,
        members.place_id,
        min(members.from_on) as from_on,
        case when bool_and(members.to_on is not null) then max(members.to_on) end as to_on,
    from previous.household_members as members
    left join identity.customer_aliases as aliases
        on members.customer_id = aliases.alias_customer_id
    group by all
),

stays as (
    select
        groups.customer_id,
        groups.household_no,
        groups.dwelling_id,
        stays.place_id,
        stays.stay_number,
        stays.from_on,
        stays.first_seen_on,
        stays.to_on,
        stays.is_current,
    from identity.household_groups as groups
    inner join identity.home_stays as stays
        on
            groups.customer_id = stays.customer_id
            and groups.stay_number = stays.stay_number
),

known_places as (
    select
        known_before.customer_id,
        known_before.place_id,
        min(known_before.from_on) as from_on,
    from known_before
    group by all
),

people_known_before as (
    select known_before.customer_id,
    from known_before
    group by known_before.customer_id
),

present_stays as (
    select
        ids.household_id,
        stays.customer_id,
        stays.dwelling_id,
        stays.place_id,
        case
            when known_places.customer_id is not null and stays.stay_number = 1
                then least(known_places.from_on, stays.from_on)
            -- the record is old, but the address is not: it was another one the last time
            when people_known_before.customer_id is not null then stays.first_seen_on
            else stays.from_on
        end as from_on,
        stays.to_on,
        stays.is_current,
    from stays
    inner join identity.household_ids as ids
        on stays.household_no = ids.household_no
    left join known_places
        on
            stays.customer_id = known_places.customer_id
            and stays.place_id = known_places.place_id
    left join people_known_before
        on stays.customer_id = people_known_before.customer_id
),

first_stays as (
    select
        present_stays.customer_id,
        min(present_stays.from_on) as from_on,
    from present_stays
    group by present_stays.customer_id
),

earlier_stays as (
    select
        coalesce(ids.merged_into_household_id, known_before.household_id) as household_id,
        known_before.customer_id,
        known_before.dwelling_id,
        known_before.place_id,
        known_before.from_on,
        greatest(
            known_before.from_on,
            coalesce(known_before.to_on, first_stays.from_on, clock.as_of_on)
        ) as to_on,
    from known_before
    inner join people
        on known_before.customer_id = people.customer_id
    anti join protected
        on known_before.customer_id = protected.customer_id
    anti join stays as still_known
        on
            known_before.customer_id = still_known.customer_id
            and known_before.place_id = still_known.place_id
    left join identity.household_ids as ids
        on known_before.household_id = ids.household_id
    left join first_stays
        on known_before.customer_id = first_stays.customer_id
    cross join clock
),

all_stays as (
    select
        present_stays.household_id,
        present_stays.customer_id,
        present_stays.dwelling_id,
        present_stays.place_id,
        present_stays.from_on,
        present_stays.to_on,
        present_stays.is_current,
    from present_stays
    union all
    select
        earlier_stays.household_id,
        earlier_stays.customer_id,
        earlier_stays.dwelling_id,
        earlier_stays.place_id,
        earlier_stays.from_on,
        earlier_stays.to_on,
        false as is_current,
    from earlier_stays
)

select
    all_stays.household_id, -- The household {drops attribute: not of any value}
    all_stays.customer_id, -- The person
    row_number() over (
        partition by all_stays.household_id, all_stays.customer_id
        order by
            all_stays.from_on nulls first, all_stays.to_on nulls last, all_stays.dwelling_id
    )::integer as stay_number, -- Number of the person's stay in the household, from 1
    all_stays.dwelling_id, -- The home: house, letter and flat
    all_stays.place_id, -- Country, postcode and number of the house
    case
        when people.is_child then 'child'
        when not people.is_child then 'adult'
    end as role, -- child: under 18 on the as-of date by any record's birth date; adult: not; null when no birth date is known
    all_stays.is_current, -- The person lives there now
    all_stays.from_on, -- First day known there; null when no record has a date
    all_stays.to_on, -- First day known elsewhere, or the day a death was noted; null while they live there
from all_stays
inner join people
    on all_stays.customer_id = people.customer_id
