-- One row per household of this release, or household id published before, with what became of it.
--
-- A household takes over the id most of whose members it has; where it could carry several, the one
-- published first wins and the others lead to it. An id is minted from the founding member and home,
-- and never twice. An id whose members are in no household any more stays as a dissolved one.

with

clock as (
    select as_of_on,
    from sources.run_clock
),

stays as (
    select
        groups.household_no,
        groups.customer_id,
        groups.dwelling_id,
        groups.is_current,
        stays.from_on,
    from identity.household_groups as groups
    inner join identity.home_stays as stays
        on
            groups.customer_id = stays.customer_id
            and groups.stay_number = stays.stay_number
),

households as (
    select
        stays.household_no,
        bool_or(stays.is_current) as is_current,
        -- the founder: first at the home of today, of those who live there
        arg_min(
            stays.customer_id || chr(31) || stays.dwelling_id,
            (not stays.is_current, coalesce(stays.from_on, date '9999-12-31'), stays.customer_id, stays.dwelling_id)
        ) as founder,
    from stays
    group by stays.household_no
),

homes_of_today as (
    select
        stays.customer_id,
        bool_or(stays.is_current) as has_home,
    from stays
    group by stays.customer_id
),

-- where to look for the members of a household of the release before
whereabouts as (
    select
        stays.customer_id,
        stays.household_no,
        stays.dwelling_id,
    from stays
    inner join homes_of_today
        on stays.customer_id = homes_of_today.customer_id
    where stays.is_current or not homes_of_today.has_home
    group by all
),

previous_households as (
    select
        households.household_id,
        households.merged_into_household_id,
        households.first_published_on,
        households.dissolved_on,
    from previous.households
),

previous_members as (
    select
        members.household_id,
        coalesce(aliases.customer_id, members.customer_id) as customer_id,
        members.dwelling_id,
        members.to_on is null as is_current,
    from previous.household_members as members
    left join identity.customer_aliases as aliases
        on members.customer_id = aliases.alias_customer_id
),

previously_current as (
    select
        previous_members.household_id,
        bool_or(previous_members.is_current) as has_current,
    from previous_members
    group by previous_members.household_id
),

shared_members as (
    select
        previous_members.household_id,
        whereabouts.household_no,
        count(distinct whereabouts.customer_id) as shared_count,
        bool_or(previous_members.dwelling_id = whereabouts.dwelling_id) as is_same_home,
    from previous_members
    inner join previously_current
        on
            previous_members.household_id = previously_current.household_id
            and (previous_members.is_current or not previously_current.has_current)
    inner join whereabouts
        on previous_members.customer_id = whereabouts.customer_id
    group by all
),

-- an id goes where most of its members are; those who stayed at the home keep it
claims as (
    select
        shared_members.household_id,
        shared_members.household_no,
        shared_members.shared_count,
        shared_members.is_same_home,
    from shared_members
    qualify row_number() over (
        partition by shared_members.household_id
        order by shared_members.shared_count desc, shared_members.is_same_home desc, shared_members.household_no asc
    ) = 1
),

takeovers as (
    select
        claims.household_no,
        claims.household_id,
    from claims
    left join previous_households
        on claims.household_id = previous_households.household_id
    qualify row_number() over (
        partition by claims.household_no
        order by
            previous_households.first_published_on asc nulls last,
            claims.shared_count desc,
            claims.is_same_home desc,
            claims.household_id asc
    ) = 1
),

ids_before as (
    select count(*) as id_count,
    from previous_households
),

minted as (
    select
        households.household_no,
        case
            when published.household_id is null then 'h_' || left(sha256(households.founder), 16)
            else 'h_' || left(
                sha256(households.founder || chr(31) || cast(ids_before.id_count as varchar)), 16
            )
        end as household_id,
    from households
    cross join ids_before
    anti join takeovers
        on households.household_no = takeovers.household_no
    left join previous_households as published
        on 'h_' || left(sha256(households.founder), 16) = published.household_id
),

named as (
    select
        households.household_no,
        coalesce(takeovers.household_id, minted.household_id) as household_id,
        households.is_current,
    from households
    left join takeovers
        on households.household_no = takeovers.household_no
    left join minted
        on households.household_no = minted.household_no
),

-- ids that no household of this release carries
fates as (
    select
        previous_households.household_id,
        coalesce(claimant.household_id, heir.household_id, previous_households.merged_into_household_id)
            as merged_into_household_id,
    from previous_households
    anti join named as carried
        on previous_households.household_id = carried.household_id
    left join claims
        on previous_households.household_id = claims.household_id
    left join named as claimant
        on claims.household_no = claimant.household_no
    left join claims as heir_claims
        on previous_households.merged_into_household_id = heir_claims.household_id
    left join named as heir
        on heir_claims.household_no = heir.household_no
)

select
    named.household_id, -- The household; stays the same over releases {drops address: only in the hash it was minted from} {drops name: only in the hash it was minted from} {drops attribute: not of any value}
    named.household_no, -- The household in household_groups; null for an id of an earlier release only
    cast(null as varchar) as merged_into_household_id, -- The household that the id leads to; null while it stands for itself {drops address: only in the hash it was minted from} {drops name: only in the hash it was minted from} {drops attribute: not of any value}
    named.is_current, -- Somebody lives there now
    coalesce(previous_households.first_published_on, clock.as_of_on) as first_published_on, -- As-of date of the first release with the id
    case
        when not named.is_current
            then coalesce(previous_households.dissolved_on, clock.as_of_on)
    end as dissolved_on, -- As-of date of the first release in which nobody lived there; null while somebody does
from named
cross join clock
left join previous_households
    on named.household_id = previous_households.household_id
union all
select
    fates.household_id,
    cast(null as varchar) as household_no,
    fates.merged_into_household_id,
    false as is_current,
    previous_households.first_published_on,
    coalesce(previous_households.dissolved_on, clock.as_of_on) as dissolved_on,
from fates
inner join previous_households
    on fates.household_id = previous_households.household_id
cross join clock
