-- One row per company, with the company that owns it and the one at the top.
--
-- From the owner's organisation number in a company register; a number that none of our companies
-- has is an owner we do not know. Companies that own each other in a ring cannot all be right: the
-- one with the lowest id is taken for the top, and all of them are flagged.

with recursive

numbers as (
    select
        ids.company_id,
        min(records.country) as country,
        min(records.organisation_number) as organisation_number,
        -- the owner by the newest row of a register that names one
        arg_max(
            records.parent_organisation_number,
            (
                coalesce(records.updated_at, timestamp '0001-01-01'),
                records.source,
                records.record_id
            )
        ) filter (where records.parent_organisation_number is not null) as parent_organisation_number,
    from identity.company_records as records
    inner join identity.company_ids as ids
        on records.company_key = ids.company_key
    group by ids.company_id
),

-- a number is one country's; an owner abroad counts where no company at home has it
candidates as (
    select
        numbers.company_id,
        owners.company_id as parent_company_id,
        row_number() over (
            partition by numbers.company_id
            order by (numbers.country is distinct from owners.country), owners.company_id
        ) as place,
    from numbers
    inner join numbers as owners
        on numbers.parent_organisation_number = owners.organisation_number
),

delivered as (
    select
        numbers.company_id,
        candidates.parent_company_id,
        numbers.parent_organisation_number is not null as names_parent,
    from numbers
    left join candidates
        on
            numbers.company_id = candidates.company_id
            and candidates.place = 1
),

-- up from every company until the top, or a company that was passed before
climbs as (
    select
        delivered.company_id,
        delivered.parent_company_id as owner_company_id,
        [delivered.company_id] as passed,
    from delivered
    where delivered.parent_company_id is not null
    union all
    select
        climbs.company_id,
        delivered.parent_company_id as owner_company_id,
        list_append(climbs.passed, climbs.owner_company_id) as passed,
    from climbs
    inner join delivered
        on climbs.owner_company_id = delivered.company_id
    where
        delivered.parent_company_id is not null
        and not list_contains(climbs.passed, climbs.owner_company_id)
),

rings as (
    select
        climbs.company_id,
        list_min(climbs.passed) as lowest_company_id,
    from climbs
    where climbs.owner_company_id = climbs.company_id
),

owned as (
    select
        delivered.company_id,
        case
            when rings.lowest_company_id = delivered.company_id then null
            else delivered.parent_company_id
        end as parent_company_id,
        rings.company_id is not null as is_in_ring,
        delivered.names_parent and delivered.parent_company_id is null as has_unknown_parent,
    from delivered
    left join rings
        on delivered.company_id = rings.company_id
),

ways_up as (
    select
        owned.company_id,
        owned.parent_company_id as owner_company_id,
        1 as level_count,
    from owned
    where owned.parent_company_id is not null
    union all
    select
        ways_up.company_id,
        owned.parent_company_id as owner_company_id,
        ways_up.level_count + 1 as level_count,
    from ways_up
    inner join owned
        on ways_up.owner_company_id = owned.company_id
    where owned.parent_company_id is not null
),

tops as (
    select
        ways_up.company_id,
        arg_max(ways_up.owner_company_id, (ways_up.level_count, ways_up.owner_company_id))
            as ultimate_parent_company_id,
        max(ways_up.level_count) as level_count,
    from ways_up
    group by ways_up.company_id
)

select
    owned.company_id, -- The company
    owned.parent_company_id, -- The company that owns it; null when none is known {drops organisation_number: not of its value} {drops attribute: not of any value}
    coalesce(tops.ultimate_parent_company_id, owned.company_id) as ultimate_parent_company_id, -- The company at the top; itself when nobody known owns it
    coalesce(tops.level_count, 0)::integer as level_count, -- Owners above it
    owned.is_in_ring, -- It owns itself by way of others, by what the register says
    owned.has_unknown_parent, -- Its owner is named by a number that none of our companies has {drops organisation_number: only whether it is known} {drops attribute: not of any value}
from owned
left join tops
    on owned.company_id = tops.company_id
