-- One row per customer: what they bought, returned, read, looked at and asked, as of the as-of date.
--
-- Every customer has a row, with zeros where nothing happened. Spend is net_home_amount of
-- completed orders (returns taken off), so it adds up to profiles.orders to the cent; orders in a
-- currency without a rate are counted in orders_without_rate_count and are in no amount. Orders,
-- gaps and averages count purchases only, not receipts that just take goods back. "12m" is the
-- twelve months up to and including the as-of date. Spend and orders by category and by channel are
-- customer_category_mix and customer_channel_mix.

with

clock as (
    select
        as_of_on,
        (as_of_on - interval 12 month)::date as year_start_on,
        time_zone,
        home_currency,
    from sources.run_clock
),

customers as (
    select
        profiles.customer_id,
        profiles.is_prospect,
        profiles.first_seen_on,
    from profiles.golden_profiles as profiles
),

orders as (
    select
        orders.customer_id,
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

order_measures as (
    select
        orders.customer_id,
        count(*) filter (where orders.is_purchase) as order_count,
        count(*) filter (where orders.is_purchase and orders.is_in_12m) as order_12m_count,
        count(*) filter (where orders.return_home_amount < 0) as return_count,
        count(*) filter (where not orders.has_exchange_rate) as orders_without_rate_count,
        sum(orders.net_home_amount - orders.return_home_amount) as gross_spend_amount,
        sum(orders.return_home_amount) as return_amount,
        sum(orders.return_home_amount) filter (where orders.is_in_12m) as return_12m_amount,
        sum(orders.net_home_amount) as net_spend_amount,
        sum(orders.net_home_amount) filter (where orders.is_in_12m) as net_spend_12m_amount,
        sum(orders.net_home_amount - orders.return_home_amount) filter (
            where orders.is_purchase
        ) as purchase_amount,
        sum(orders.net_home_amount - orders.return_home_amount) filter (
            where orders.is_purchase and orders.is_in_12m
        ) as purchase_12m_amount,
        count(*) filter (where orders.is_purchase and orders.has_exchange_rate)
            as priced_order_count,
        count(*) filter (
            where orders.is_purchase and orders.has_exchange_rate and orders.is_in_12m
        ) as priced_order_12m_count,
        min(orders.ordered_on) filter (where orders.is_purchase) as first_order_on,
        max(orders.ordered_on) filter (where orders.is_purchase) as last_order_on,
    from orders
    group by orders.customer_id
),

-- two orders on one day are one visit: a gap is between different days, so gaps of 0 are none
gaps as (
    select
        orders.customer_id,
        nullif(
            date_diff(
                'day',
                lag(orders.ordered_on) over (
                    partition by orders.customer_id
                    order by orders.ordered_on
                ),
                orders.ordered_on
            ),
            0
        ) as gap_days,
    from orders
    where orders.is_purchase
),

gap_measures as (
    select
        gaps.customer_id,
        1 + count(gaps.gap_days) as order_day_count,
        (sum(gaps.gap_days)::decimal(18, 4) / nullif(count(gaps.gap_days), 0))::decimal(18, 1)
            as mean_gap_days,
        median(gaps.gap_days)::decimal(18, 1) as median_gap_days,
    from gaps
    group by gaps.customer_id
),

channel_mix as (
    select
        mix.customer_id,
        mix.channel,
        mix.order_count,
        mix.net_spend_amount,
    from insight.customer_channel_mix as mix
    where mix.order_count > 0
),

channel_measures as (
    select
        channel_mix.customer_id,
        count(*) as channel_count,
        -- most orders, then most spend, then the first by name
        arg_min(
            channel_mix.channel,
            (-channel_mix.order_count, -channel_mix.net_spend_amount, channel_mix.channel)
        ) as favourite_channel,
        max(channel_mix.order_count) as favourite_channel_order_count,
        to_json(
            map_from_entries(
                list((channel_mix.channel, channel_mix.order_count) order by channel_mix.channel)
            )
        )::varchar as orders_per_channel,
    from channel_mix
    group by channel_mix.customer_id
),

category_mix as (
    select
        mix.customer_id,
        nullif(mix.category, 'unknown') as category,
        mix.product_count,
        mix.line_count,
        mix.net_spend_amount,
        mix.margin_amount,
        mix.costed_spend_amount,
    from insight.customer_category_mix as mix
),

product_measures as (
    select
        category_mix.customer_id,
        count(category_mix.category) filter (where category_mix.line_count > 0)
            as category_count,
        sum(category_mix.product_count) as product_count,
        sum(category_mix.line_count) as line_count,
        -- most bought lines, then most spend, then the first by name
        arg_min(
            category_mix.category,
            (-category_mix.line_count, -category_mix.net_spend_amount, category_mix.category)
        ) filter (
            where category_mix.category is not null and category_mix.line_count > 0
        ) as favourite_category,
        max(category_mix.line_count) filter (where category_mix.category is not null)
            as favourite_category_line_count,
        sum(category_mix.margin_amount) as margin_amount,
        sum(category_mix.costed_spend_amount) as costed_spend_amount,
    from category_mix
    group by category_mix.customer_id
),

message_measures as (
    select
        messages.customer_id,
        count(*) filter (where messages.sent_on > clock.year_start_on) as sent_12m_count,
        count(messages.opened_at) filter (where messages.sent_on > clock.year_start_on)
            as opened_12m_count,
        count(messages.clicked_at) filter (where messages.sent_on > clock.year_start_on)
            as clicked_12m_count,
        max(messages.sent_on) as last_message_on,
    from profiles.messages as messages
    cross join clock
    where
        messages.customer_id is not null
        and not messages.is_control
        and messages.sent_on <= clock.as_of_on
    group by messages.customer_id
),

tickets as (
    select
        tickets.customer_id,
        tickets.opened_on,
        ((tickets.closed_at at time zone 'UTC') at time zone clock.time_zone)::date as closed_on,
        tickets.status,
        clock.as_of_on,
        clock.year_start_on,
    from profiles.tickets as tickets
    cross join clock
    where tickets.customer_id is not null
),

ticket_measures as (
    select
        tickets.customer_id,
        count(*) filter (where tickets.opened_on > tickets.year_start_on) as ticket_12m_count,
        count(*) filter (
            -- the date of closing decides; the status only where no date is given
            where
            case
                when tickets.closed_on is null then tickets.status is distinct from 'closed'
                else tickets.closed_on > tickets.as_of_on
            end
        ) as open_ticket_count,
        max(tickets.opened_on) as last_ticket_on,
    from tickets
    where tickets.opened_on <= tickets.as_of_on
    group by tickets.customer_id
),

visit_days as (
    select
        events.customer_id,
        events.occurred_on,
        count(*) filter (where events.event = 'product_view') as product_view_count,
    from profiles.web_events as events
    cross join clock
    where
        events.customer_id is not null
        and events.occurred_on <= clock.as_of_on
    group by all
),

visit_measures as (
    select
        visit_days.customer_id,
        count(*) filter (where visit_days.occurred_on > clock.year_start_on)
            as visit_day_12m_count,
        sum(visit_days.product_view_count) filter (
            where visit_days.occurred_on > clock.year_start_on
        ) as product_view_12m_count,
        max(visit_days.occurred_on) as last_visit_on,
    from visit_days
    cross join clock
    group by visit_days.customer_id
),

-- a cart has a row per product: it counts once
carts as (
    select
        carts.customer_id,
        carts.source,
        carts.cart_id,
        max(carts.updated_on) as updated_on,
        bool_or(carts.status = 'open') as is_open,
        bool_or(carts.status = 'abandoned') as is_abandoned,
    from profiles.carts as carts
    cross join clock
    where
        carts.customer_id is not null
        and carts.updated_on <= clock.as_of_on
    group by all
),

cart_measures as (
    select
        carts.customer_id,
        count(*) filter (where carts.is_open) as open_cart_count,
        count(*) filter (where carts.is_abandoned and carts.updated_on > clock.year_start_on)
            as abandoned_cart_12m_count,
        max(carts.updated_on) as last_cart_on,
    from carts
    cross join clock
    group by carts.customer_id
)

select
    customers.customer_id, -- Customer
    clock.as_of_on, -- Nothing later than this day is counted
    clock.home_currency as currency, -- Currency of all amounts, ISO 4217
    channel_measures.favourite_channel, -- Channel with most orders; ties by spend, then by name; null without orders
    product_measures.favourite_category, -- Category with most bought lines; ties by spend, then by name; null when unknown
    channel_measures.orders_per_channel, -- Orders per channel as a JSON object, keys sorted
    coalesce(order_measures.order_count, 0)::integer as order_count, -- Purchases
    coalesce(order_measures.order_12m_count, 0)::integer as order_12m_count, -- Purchases in the last 12 months
    coalesce(gap_measures.order_day_count, 0)::integer as order_day_count, -- Different days with a purchase
    coalesce(order_measures.return_count, 0)::integer as return_count, -- Orders and receipts with something returned
    coalesce(order_measures.orders_without_rate_count, 0)::integer as orders_without_rate_count, -- Orders left out of all amounts for want of an exchange rate
    coalesce(order_measures.gross_spend_amount, 0)::decimal(18, 2) as gross_spend_amount, -- Paid for purchases, before returns
    coalesce(order_measures.return_amount, 0)::decimal(18, 2) as return_amount, -- Given back for returns, zero or negative
    coalesce(order_measures.net_spend_amount, 0)::decimal(18, 2) as net_spend_amount, -- Paid less returns, over the whole history
    coalesce(order_measures.net_spend_12m_amount, 0)::decimal(18, 2) as net_spend_12m_amount, -- Paid less returns in the last 12 months, returns on the day they happened
    coalesce(order_measures.return_12m_amount, 0)::decimal(18, 2) as return_12m_amount, -- Given back in the last 12 months, zero or negative
    product_measures.costed_spend_amount::decimal(18, 2) as costed_spend_amount, -- Paid less returns for lines whose cost is known; null when no cost is known
    product_measures.margin_amount::decimal(18, 2) as margin_amount, -- Margin on lines whose cost is known, before VAT is taken off; null when no cost is known
    (
        product_measures.margin_amount::decimal(38, 6)
        / nullif(product_measures.costed_spend_amount, 0)
    )::decimal(18, 4) as margin_ratio, -- margin_amount as a share of what was paid for the same lines
    (
        order_measures.purchase_amount::decimal(38, 6)
        / nullif(order_measures.priced_order_count, 0)
    )::decimal(18, 2) as average_order_amount, -- Paid per purchase, before returns; null without purchases
    (
        order_measures.purchase_12m_amount::decimal(38, 6)
        / nullif(order_measures.priced_order_12m_count, 0)
    )::decimal(18, 2) as average_order_12m_amount, -- The same for purchases of the last 12 months
    (
        -order_measures.return_amount::decimal(38, 6)
        / nullif(order_measures.gross_spend_amount, 0)
    )::decimal(18, 4) as return_ratio, -- Given back as a share of what was paid; null when nothing was paid
    gap_measures.mean_gap_days, -- Mean days between purchase days; null with fewer than two
    gap_measures.median_gap_days, -- Median days between purchase days; null with fewer than two
    date_diff('day', order_measures.last_order_on, clock.as_of_on)::integer as recency_days, -- Days since the last purchase; null without one
    coalesce(product_measures.category_count, 0)::integer as category_count, -- Different categories bought
    coalesce(product_measures.product_count, 0)::integer as product_count, -- Different products bought
    coalesce(channel_measures.channel_count, 0)::integer as channel_count, -- Different channels ordered through
    (
        channel_measures.favourite_channel_order_count::decimal(18, 6)
        / nullif(order_measures.order_count, 0)
    )::decimal(18, 4) as favourite_channel_ratio, -- Share of purchases made through the favourite channel
    (
        product_measures.favourite_category_line_count::decimal(18, 6)
        / nullif(product_measures.line_count, 0)
    )::decimal(18, 4) as favourite_category_ratio, -- Share of bought lines in the favourite category
    coalesce(message_measures.sent_12m_count, 0)::integer as message_sent_12m_count, -- Messages sent in the last 12 months
    coalesce(message_measures.opened_12m_count, 0)::integer as message_opened_12m_count, -- Of those, opened
    coalesce(message_measures.clicked_12m_count, 0)::integer as message_clicked_12m_count, -- Of those, clicked
    coalesce(ticket_measures.ticket_12m_count, 0)::integer as ticket_12m_count, -- Service tickets opened in the last 12 months
    coalesce(ticket_measures.open_ticket_count, 0)::integer as open_ticket_count, -- Service tickets open on the as-of date
    coalesce(visit_measures.visit_day_12m_count, 0)::integer as visit_day_12m_count, -- Different days seen on the web in the last 12 months, logged in or recognised
    coalesce(visit_measures.product_view_12m_count, 0)::integer as product_view_12m_count, -- Products looked at on them
    coalesce(cart_measures.open_cart_count, 0)::integer as open_cart_count, -- Carts open on the as-of date
    coalesce(cart_measures.abandoned_cart_12m_count, 0)::integer as abandoned_cart_12m_count, -- Carts abandoned in the last 12 months
    coalesce(order_measures.order_count = 1, false) as is_one_time_buyer, -- Exactly one purchase
    customers.is_prospect, -- Never bought, and every record says prospect
    customers.first_seen_on, -- Day the oldest record was created
    order_measures.first_order_on, -- Day of the first purchase
    order_measures.last_order_on, -- Day of the last purchase
    message_measures.last_message_on, -- Day of the last message sent
    ticket_measures.last_ticket_on, -- Day the last ticket was opened
    visit_measures.last_visit_on, -- Day last seen on the web
    cart_measures.last_cart_on, -- Day a cart was last touched
from customers
cross join clock
left join order_measures
    on customers.customer_id = order_measures.customer_id
left join gap_measures
    on customers.customer_id = gap_measures.customer_id
left join channel_measures
    on customers.customer_id = channel_measures.customer_id
left join product_measures
    on customers.customer_id = product_measures.customer_id
left join message_measures
    on customers.customer_id = message_measures.customer_id
left join ticket_measures
    on customers.customer_id = ticket_measures.customer_id
left join visit_measures
    on customers.customer_id = visit_measures.customer_id
left join cart_measures
    on customers.customer_id = cart_measures.customer_id
