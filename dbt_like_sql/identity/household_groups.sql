-- One row per person and stay at a home, with the household they were part of, as of this release.
--
-- People tied to each other, directly or through others, behind one door are a household. One that
-- moved together stays one: where more than half of those who ever were part of it live in one
-- household elsewhere now, their earlier stays belong to that one, and who stayed behind begins
-- another. household_no is only valid within a release: what lasts is household_members.household_id.

with recursive

inhabitants as (
    select
        homes.dwelling_id,
        homes.customer_id,
    from identity.household_homes as homes
    group by all
),

tied as (
    select
        ties.dwelling_id,
        ties.customer_id,
        ties.other_customer_id,
    from identity.household_ties as ties
    union all
    select
        ties.dwelling_id,
        ties.other_customer_id as customer_id,
        ties.customer_id as other_customer_id,
    from identity.household_ties as ties
),

reachable as (
    select
        inhabitants.dwelling_id,
        inhabitants.customer_id,
        inhabitants.customer_id as reached_customer_id,
    from inhabitants
    union
    select
        reachable.dwelling_id,
        reachable.customer_id,
        tied.other_customer_id as reached_customer_id,
    from reachable
    inner join tied
        on
            reachable.dwelling_id = tied.dwelling_id
            and reachable.reached_customer_id = tied.customer_id
),

groups as (
    select
        reachable.dwelling_id,
        reachable.customer_id,
        reachable.dwelling_id || ' ' || min(reachable.reached_customer_id) as group_key,
    from reachable
    group by
        reachable.dwelling_id,
        reachable.customer_id
),

grouped_stays as (
    select
        stays.customer_id,
        stays.stay_number,
        groups.dwelling_id,
        groups.group_key,
        stays.is_current,
    from identity.home_stays as stays
    inner join identity.household_homes as homes
        on
            stays.customer_id = homes.customer_id
            and stays.stay_number = homes.stay_number
    inner join groups
        on
            homes.dwelling_id = groups.dwelling_id
            and homes.customer_id = groups.customer_id
),

current_groups as (
    select
        grouped_stays.customer_id,
        grouped_stays.group_key,
    from grouped_stays
    where grouped_stays.is_current
),

members as (
    select
        grouped_stays.group_key,
        grouped_stays.customer_id,
    from grouped_stays
    group by all
),

group_sizes as (
    select
        members.group_key,
        count(*) as member_count,
    from members
    group by members.group_key
),

destinations as (
    select
        members.group_key,
        current_groups.group_key as destination_key,
        count(*) as moved_count,
    from members
    inner join current_groups
        on
            members.customer_id = current_groups.customer_id
            and members.group_key <> current_groups.group_key
    group by all
),

-- a strict majority, so at most one
moves as (
    select
        destinations.group_key,
        destinations.destination_key,
    from destinations
    inner join group_sizes
        on destinations.group_key = group_sizes.group_key
    where destinations.moved_count * 2 > group_sizes.member_count
)

select
    stays.customer_id, -- The person
    stays.stay_number, -- Number of the stay in the person's life
    case
        when stays.is_current then stays.group_key
        else coalesce(moves.destination_key, stays.group_key)
    end as household_no, -- The household of this release
    stays.dwelling_id, -- The home
    stays.is_current, -- The person lives there now
from grouped_stays as stays
left join moves
    on stays.group_key = moves.group_key
