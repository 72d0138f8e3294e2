-- One row per order as delivered, cancelled ones too, with its customer and its home amount.
--
-- An order whose buyer is unknown is kept with a null customer_id and is_orphan true. Sums of
-- total_amount per currency equal the source to the cent; home amounts are rounded per order, half
-- away from zero. total_amount may hold freight, or leave out a return booked on the order later;
-- net_home_amount is what its lines add up to, and what spend is measured by. A receipt that only
-- takes goods back is an order here, but not a purchase: count is_purchase, not rows.

with

clock as (
    select
        time_zone,
        home_currency,
    from sources.run_clock
),

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

lines_per_order as (
    select
        delivered_lines.source,
        delivered_lines.order_id,
        count(*) as line_count,
        count(*) filter (where not coalesce(delivered_lines.is_return, false)) as purchase_line_count,
        sum(delivered_lines.line_amount) as goods_amount,
        sum(delivered_lines.line_amount) filter (where coalesce(delivered_lines.is_return, false)) as return_amount,
    from staging.order_lines as delivered_lines
    group by all
),

dated_orders as (
    select
        orders.source,
        orders.order_id,
        orders.record_source,
        orders.record_id,
        orders.channel,
        orders.store_id,
        orders.campaign_id,
        orders.currency,
        orders.total_amount,
        coalesce(orders.status, 'completed') as status,
        orders.ordered_at,
        ((orders.ordered_at at time zone 'UTC') at time zone clock.time_zone)::date as ordered_on,
        clock.home_currency,
    from staging.orders as orders
    cross join clock
),

rates as (
    select
        daily.from_currency,
        daily.day_on,
        daily.rate,
    from profiles.daily_exchange_rates as daily
),

valued_orders as (
    select
        dated_orders.source,
        dated_orders.order_id,
        identity_map.customer_id,
        dated_orders.store_id,
        dated_orders.campaign_id,
        dated_orders.channel,
        dated_orders.status,
        dated_orders.currency,
        dated_orders.total_amount,
        lines_per_order.goods_amount::decimal(18, 2) as goods_amount,
        coalesce(lines_per_order.goods_amount, dated_orders.total_amount)::decimal(18, 2)
            as net_amount,
        case
            when lines_per_order.line_count is null then least(dated_orders.total_amount, 0)
            else coalesce(lines_per_order.return_amount, 0)
        end::decimal(18, 2) as return_amount,
        dated_orders.home_currency,
        rates.rate as exchange_rate,
        coalesce(lines_per_order.line_count, 0)::integer as line_count,
        coalesce(lines_per_order.purchase_line_count, 0) as purchase_line_count,
        dated_orders.ordered_on,
        dated_orders.ordered_at,
    from dated_orders
    left join identity_map
        on
            dated_orders.record_source = identity_map.record_source
            and dated_orders.record_id = identity_map.record_id
    left join lines_per_order
        on
            dated_orders.source = lines_per_order.source
            and dated_orders.order_id = lines_per_order.order_id
    left join rates
        on
            dated_orders.currency = rates.from_currency
            and dated_orders.ordered_on = rates.day_on
)

select
    valued_orders.source, -- Source system of the order
    valued_orders.order_id, -- Order number in the source
    valued_orders.customer_id, -- Customer who ordered; null when the buyer is unknown
    valued_orders.store_id, -- Store of the sale; null for orders without one
    valued_orders.campaign_id, -- Campaign the source credits with the order
    valued_orders.channel, -- Where it was ordered: web, store or another word of the source
    valued_orders.status, -- completed or cancelled; completed when the source says nothing
    valued_orders.currency, -- Currency of the amounts as delivered, ISO 4217
    valued_orders.total_amount, -- Order total as delivered, in currency
    valued_orders.goods_amount, -- Sum of its lines, returns taken off, in currency; null without lines
    valued_orders.return_amount, -- Sum of its returned lines, zero or negative, in currency
    valued_orders.home_currency, -- Currency of the home amounts, ISO 4217
    valued_orders.exchange_rate, -- Newest rate on or before the day; 1 in the home currency, null when there is none
    round(
        valued_orders.total_amount::decimal(38, 2) * valued_orders.exchange_rate, 2
    )::decimal(18, 2) as total_home_amount, -- Order total in the home currency; null without a rate
    round(
        valued_orders.net_amount::decimal(38, 2) * valued_orders.exchange_rate, 2
    )::decimal(18, 2) as net_home_amount, -- Lines less returns in the home currency, the total for an order without lines; null without a rate
    round(
        valued_orders.return_amount::decimal(38, 2) * valued_orders.exchange_rate, 2
    )::decimal(18, 2) as return_home_amount, -- The returned part of net_home_amount, zero or negative
    valued_orders.line_count, -- Number of lines delivered for the order
    (
        valued_orders.status != 'cancelled'
        and case
            when valued_orders.line_count = 0 then valued_orders.total_amount >= 0
            else valued_orders.purchase_line_count > 0
        end
    ) is true as is_purchase, -- Something was bought: not cancelled and not only a return
    valued_orders.exchange_rate is not null as has_exchange_rate, -- False when no rate on or before the day is known
    valued_orders.customer_id is null as is_orphan, -- The buyer is unknown
    valued_orders.ordered_on, -- Day of the order in the business's time zone
    valued_orders.ordered_at, -- Time of the order, UTC
from valued_orders
