-- One row per household, past ones and every household id ever published included.
--
-- People at one address with a shared surname, or with different ones and an e-mail address, phone
-- or loyalty number in common. Flatmates are households of their own, and so are partners whom the
-- data show no tie between: count people with care. The address is that of the home most members
-- live at, as their newest record writes it. Published in the vault.

with

members as (
    select
        members.household_id,
        members.customer_id,
        members.dwelling_id,
        members.role,
        members.is_current,
        members.from_on,
        members.to_on,
    from identity.household_members as members
),

members_per_household as (
    select
        members.household_id,
        count(distinct members.customer_id) as ever_member_count,
        count(*) filter (where members.is_current) as member_count,
        count(*) filter (where members.is_current and members.role = 'adult') as adult_count,
        count(*) filter (where members.is_current and members.role = 'child') as child_count,
        count(distinct members.dwelling_id) as home_count,
        min(members.from_on) as from_on,
        case when not bool_or(members.is_current) then max(members.to_on) end as to_on,
    from members
    group by members.household_id
),

addressed_records as (
    select
        members.household_id,
        records.street,
        records.postcode,
        records.city,
        records.country,
        records.source,
        records.record_id,
        coalesce(records.updated_at, records.created_at) as seen_at,
    from members
    inner join identity.identity_map as links
        on members.customer_id = links.customer_id
    inner join staging.customer_records as records
        on
            links.source = records.source
            and links.record_id = records.record_id
    inner join identity.postal_addresses as addresses
        on
            addresses.record_kind = 'customer'
            and records.source = addresses.source
            and records.record_id = addresses.record_id
    inner join identity.home_stays as stays
        on
            members.customer_id = stays.customer_id
            and stays.is_current
            and addresses.house_id = stays.house_id
    where members.is_current
),

addresses as (
    select
        addressed_records.household_id,
        addressed_records.street,
        addressed_records.postcode,
        addressed_records.city,
        addressed_records.country,
    from addressed_records
    qualify row_number() over (
        partition by addressed_records.household_id
        order by
            addressed_records.postcode is null,
            addressed_records.seen_at desc nulls last,
            addressed_records.source asc,
            addressed_records.record_id asc
    ) = 1
)

select
    ids.household_id, -- The household; stays the same over releases
    ids.merged_into_household_id, -- The household that the id leads to; null while it stands for itself
    addresses.street, -- Street, number and flat as the newest record has them; null when nobody lives there
    addresses.postcode, -- Postcode
    addresses.city, -- City
    addresses.country, -- Country, ISO 3166-1 alpha-2
    coalesce(per_household.member_count, 0)::integer as member_count, -- People who live there now, as far as they are customers
    coalesce(per_household.adult_count, 0)::integer as adult_count, -- Of those, known to be 18 or more
    coalesce(per_household.child_count, 0)::integer as child_count, -- Of those, known to be under 18
    coalesce(per_household.ever_member_count, 0)::integer as ever_member_count, -- People who live there or did
    coalesce(per_household.home_count, 0)::integer as home_count, -- Homes it lived at
    ids.is_current, -- Somebody lives there now
    per_household.from_on, -- First day a member is known there
    per_household.to_on, -- Day the last member left; null while somebody lives there
    ids.first_published_on, -- As-of date of the first release with the id
    ids.dissolved_on, -- As-of date of the first release in which nobody lived there
from identity.household_ids as ids
left join members_per_household as per_household
    on ids.household_id = per_household.household_id
left join addresses
    on ids.household_id = addresses.household_id
