-- One row per customer and channel they bought or returned through, as of the as-of date.
--
-- Amounts are net_home_amount of orders that were not cancelled, returns taken off on the day they
-- came back, so a customer's rows add up to net_spend_amount of customer_measures to the cent, and
-- their orders to its order_count. Orders without a channel stand under "unknown". "12m" is the
-- twelve months up to and including the as-of date.

with

clock as (
    select
        as_of_on,
        (as_of_on - interval 12 month)::date as year_start_on,
        home_currency,
    from sources.run_clock
),

orders as (
    select
        orders.customer_id,
        coalesce(orders.channel, 'unknown') as channel,
        orders.net_home_amount,
        orders.return_home_amount,
        orders.is_purchase,
        orders.has_exchange_rate,
        orders.ordered_on,
        orders.ordered_on > clock.year_start_on as is_in_12m,
    from profiles.orders as orders
    cross join clock
    where
        orders.customer_id is not null
        and orders.status != 'cancelled'
        and orders.ordered_on <= clock.as_of_on
),

channel_orders as (
    select
        orders.customer_id,
        orders.channel,
        count(*) filter (where orders.is_purchase) as order_count,
        count(*) filter (where orders.is_purchase and orders.is_in_12m) as order_12m_count,
        sum(orders.net_home_amount) as net_spend_amount,
        sum(orders.net_home_amount) filter (where orders.is_in_12m) as net_spend_12m_amount,
        sum(orders.return_home_amount) as return_amount,
        sum(orders.net_home_amount - orders.return_home_amount) filter (
            where orders.is_purchase
        ) as purchase_amount,
        count(*) filter (where orders.is_purchase and orders.has_exchange_rate)
            as priced_order_count,
        min(orders.ordered_on) filter (where orders.is_purchase) as first_order_on,
        max(orders.ordered_on) filter (where orders.is_purchase) as last_order_on,
    from orders
    group by
        orders.customer_id,
        orders.channel
),

totals as (
    select
        channel_orders.customer_id,
        sum(channel_orders.order_count) as order_count,
        sum(channel_orders.net_spend_amount) filter (where channel_orders.net_spend_amount > 0)
            as spend_amount,
    from channel_orders
    group by channel_orders.customer_id
)

select
    channel_orders.customer_id, -- Customer
    channel_orders.channel, -- Where it was ordered: web, store or another word of the source; "unknown" where it says nothing
    clock.as_of_on, -- Nothing later than this day is counted
    clock.home_currency as currency, -- Currency of all amounts, ISO 4217
    channel_orders.order_count::integer as order_count, -- Purchases
    channel_orders.order_12m_count::integer as order_12m_count, -- Those of the last 12 months
    coalesce(channel_orders.net_spend_amount, 0)::decimal(18, 2) as net_spend_amount, -- Paid less returns; orders without an exchange rate are left out
    coalesce(channel_orders.net_spend_12m_amount, 0)::decimal(18, 2) as net_spend_12m_amount, -- The same in the last 12 months, returns on the day they happened
    coalesce(channel_orders.return_amount, 0)::decimal(18, 2) as return_amount, -- Given back for returns, zero or negative
    (
        channel_orders.purchase_amount::decimal(38, 6)
        / nullif(channel_orders.priced_order_count, 0)
    )::decimal(18, 2) as average_order_amount, -- Paid per purchase, before returns; null without purchases
    (
        greatest(channel_orders.net_spend_amount, 0)::decimal(38, 6)
        / nullif(totals.spend_amount, 0)
    )::decimal(18, 4) as spend_ratio, -- Share of what the customer paid, channels with more returned than bought left out; null when nothing was paid
    (
        channel_orders.order_count::decimal(18, 6) / nullif(totals.order_count, 0)
    )::decimal(18, 4) as order_ratio, -- Share of the customer's purchases; null when they made none
    channel_orders.first_order_on, -- Day of the first purchase; null when only returned
    channel_orders.last_order_on, -- Day of the last purchase; null when only returned
from channel_orders
cross join clock
inner join totals
    on channel_orders.customer_id = totals.customer_id
