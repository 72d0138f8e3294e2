-- One row per company, with what it bought, alone and with the companies it owns.
--
-- The sums of the customers that are the company (identity.company_map). What its contacts buy as
-- private persons is their own, and counts for nobody here. A group's sums are all companies
-- below the same one at the top, and stand in each of its rows: never add group_ columns up.

with

customers as (
    select
        profiles.company_id,
        profiles.customer_id,
    from profiles.golden_profiles as profiles
    where profiles.company_id is not null
),

companies as (
    select
        companies.company_id,
        companies.ultimate_parent_company_id,
    from identity.companies as companies
    where
        companies.merged_into_company_id is null
        and companies.withdrawn_on is null
),

-- whom to ask, whatever says so but the domain of an address
contacts as (
    select
        contacts.company_id,
        count(*) as contact_count,
    from identity.company_contacts as contacts
    cross join sources.run_clock as clock
    where
        not contacts.is_weak
        and coalesce(contacts.to_on > clock.as_of_on, true)
    group by contacts.company_id
),

sums as (
    select
        companies.company_id,
        companies.ultimate_parent_company_id,
        count(customers.customer_id) as customer_count,
        coalesce(sum(measures.order_count), 0) as order_count,
        coalesce(sum(measures.order_12m_count), 0) as order_12m_count,
        coalesce(sum(measures.net_spend_amount), 0) as net_spend_amount,
        coalesce(sum(measures.net_spend_12m_amount), 0) as net_spend_12m_amount,
        sum(measures.margin_amount) as margin_amount,
        min(measures.first_order_on) as first_order_on,
        max(measures.last_order_on) as last_order_on,
    from companies
    left join customers
        on companies.company_id = customers.company_id
    left join insight.customer_measures as measures
        on customers.customer_id = measures.customer_id
    group by all
),

group_sums as (
    select
        sums.ultimate_parent_company_id,
        count(*) as company_count,
        sum(sums.net_spend_amount) as net_spend_amount,
        sum(sums.net_spend_12m_amount) as net_spend_12m_amount,
    from sums
    group by sums.ultimate_parent_company_id
)

select
    sums.company_id, -- The company
    sums.ultimate_parent_company_id, -- The company at the top of its group
    clock.as_of_on, -- Nothing later than this day is counted
    clock.home_currency as currency, -- Currency of all amounts, ISO 4217
    sums.customer_count::integer as customer_count, -- Customers that are the company
    coalesce(contacts.contact_count, 0)::integer as contact_count, -- People who answer for it today; those by the domain of an address alone are not counted
    sums.order_count::integer as order_count, -- Purchases
    sums.order_12m_count::integer as order_12m_count, -- Purchases in the last 12 months
    sums.net_spend_amount::decimal(18, 2) as net_spend_amount, -- Paid less returns, over the whole history
    sums.net_spend_12m_amount::decimal(18, 2) as net_spend_12m_amount, -- Paid less returns in the last 12 months
    sums.margin_amount::decimal(18, 2) as margin_amount, -- Margin on lines whose cost is known; null when none is
    group_sums.company_count::integer as group_company_count, -- Companies of the group, this one included
    group_sums.net_spend_amount::decimal(18, 2) as group_net_spend_amount, -- Paid less returns by the whole group
    group_sums.net_spend_12m_amount::decimal(18, 2) as group_net_spend_12m_amount, -- The same in the last 12 months
    sums.first_order_on, -- Day of the first purchase
    sums.last_order_on, -- Day of the last purchase
from sums
cross join sources.run_clock as clock
inner join group_sums
    on sums.ultimate_parent_company_id = group_sums.ultimate_parent_company_id
left join contacts
    on sums.company_id = contacts.company_id
