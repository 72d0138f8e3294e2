-- One row per household where somebody lives, with what its members bought together.
--
-- The sums of its members' customer_measures, for as long as each was a customer: what a member
-- bought before moving in counts too, and what somebody bought who has left does not. People whose
-- home is not known are in no household.

with

members as (
    select
        profiles.household_id,
        profiles.customer_id,
    from profiles.golden_profiles as profiles
    where profiles.household_id is not null
),

measures as (
    select
        measures.customer_id,
        measures.as_of_on,
        measures.currency,
        measures.order_count,
        measures.order_12m_count,
        measures.net_spend_amount,
        measures.net_spend_12m_amount,
        measures.margin_amount,
        measures.first_order_on,
        measures.last_order_on,
    from insight.customer_measures as measures
)

select
    members.household_id, -- The household
    max(measures.as_of_on) as as_of_on, -- Nothing later than this day is counted
    max(measures.currency) as currency, -- Currency of all amounts, ISO 4217
    count(*)::integer as member_count, -- Customers who live there now
    count(*) filter (where measures.order_count > 0)::integer as buyer_count, -- Of those, who ever bought
    sum(measures.order_count)::integer as order_count, -- Purchases
    sum(measures.order_12m_count)::integer as order_12m_count, -- Purchases in the last 12 months
    sum(measures.net_spend_amount)::decimal(18, 2) as net_spend_amount, -- Paid less returns, over the whole history
    sum(measures.net_spend_12m_amount)::decimal(18, 2) as net_spend_12m_amount, -- Paid less returns in the last 12 months
    sum(measures.margin_amount)::decimal(18, 2) as margin_amount, -- Margin on lines whose cost is known; null when none is
    min(measures.first_order_on) as first_order_on, -- Day of the first purchase
    max(measures.last_order_on) as last_order_on, -- Day of the last purchase
from members
inner join measures
    on members.customer_id = measures.customer_id
group by members.household_id
