-- One row per campaign that touched somebody: the purchases credited to it, three ways.
--
-- A touch is a message sent, an offer shown, or a visit through the campaign's link by a known
-- customer. A purchase is credited to the campaigns that touched the customer within window_days
-- before it (insight.yml): to the first, to the last, or in equal parts to all of them. Summed over
-- campaigns each way gives the touched purchases once; the three are never to be added up.

with

clock as (
    select
        run_clock.as_of_on,
        settings.value as window_days,
    from sources.run_clock as run_clock
    cross join insight.settings as settings
    where settings.setting = 'attribution_window_days'
),

touches as (
    select
        messages.customer_id,
        messages.campaign_id,
        messages.sent_at as touched_at,
    from profiles.messages as messages
    cross join clock
    where
        messages.sent_on <= clock.as_of_on
        and not messages.is_control
        and messages.campaign_id is not null
        and messages.customer_id is not null
    union all
    select
        offers.customer_id,
        offers.campaign_id,
        offers.shown_at as touched_at,
    from profiles.offers as offers
    cross join clock
    where
        offers.shown_on <= clock.as_of_on
        and offers.campaign_id is not null
        and offers.customer_id is not null
    union all
    select
        visits.customer_id,
        visits.campaign_id,
        visits.occurred_at as touched_at,
    from profiles.web_events as visits
    cross join clock
    where
        visits.occurred_on <= clock.as_of_on
        and visits.campaign_id is not null
        and visits.customer_id is not null
),

purchases as (
    select
        orders.source,
        orders.order_id,
        orders.customer_id,
        orders.ordered_at,
        coalesce(orders.net_home_amount, 0) as spend_amount,
    from profiles.orders as orders
    cross join clock
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_on <= clock.as_of_on
),

touched_purchases as (
    select
        purchases.source,
        purchases.order_id,
        purchases.spend_amount,
        touches.campaign_id,
        min(touches.touched_at) as first_touch_at,
        max(touches.touched_at) as last_touch_at,
    from purchases
    inner join touches
        on purchases.customer_id = touches.customer_id
    cross join clock
    where
        purchases.ordered_at > touches.touched_at
        and purchases.ordered_at <= touches.touched_at + to_days(clock.window_days)
    group by all
),

placed_touches as (
    select
        touched_purchases.campaign_id,
        touched_purchases.spend_amount,
        row_number() over (
            partition by touched_purchases.source, touched_purchases.order_id
            order by touched_purchases.first_touch_at asc, touched_purchases.campaign_id asc
        ) as place_from_first,
        row_number() over (
            partition by touched_purchases.source, touched_purchases.order_id
            order by touched_purchases.last_touch_at desc, touched_purchases.campaign_id asc
        ) as place_from_last,
        count(*) over (partition by touched_purchases.source, touched_purchases.order_id)
            as campaign_count,
    from touched_purchases
),

credits as (
    select
        placed_touches.campaign_id,
        count(*) filter (where placed_touches.place_from_first = 1) as first_order_count,
        count(*) filter (where placed_touches.place_from_last = 1) as last_order_count,
        sum((1.0::double / placed_touches.campaign_count)::decimal(18, 9)) as linear_order_count,
        sum(placed_touches.spend_amount) filter (where placed_touches.place_from_first = 1)
            as first_spend_amount,
        sum(placed_touches.spend_amount) filter (where placed_touches.place_from_last = 1)
            as last_spend_amount,
        sum(
            (placed_touches.spend_amount::double / placed_touches.campaign_count)::decimal(18, 6)
        ) as linear_spend_amount,
    from placed_touches
    group by placed_touches.campaign_id
),

touched_customers as (
    select
        campaign_touches.campaign_id,
        count(*)::integer as touched_customer_count,
    from (
        select
            touches.campaign_id,
            touches.customer_id,
        from touches
        group by all
    ) as campaign_touches
    group by campaign_touches.campaign_id
)

select
    touched_customers.campaign_id, -- Campaign
    touched_customers.touched_customer_count, -- Customers with a message, offer or visit of it
    coalesce(credits.first_order_count, 0)::decimal(18, 4) as first_touch_order_count, -- Purchases whose first touch in the window it was
    coalesce(credits.last_order_count, 0)::decimal(18, 4) as last_touch_order_count, -- Purchases whose last touch before the purchase it was
    coalesce(credits.linear_order_count, 0)::decimal(18, 4) as linear_touch_order_count, -- Its equal part of every purchase it touched
    coalesce(credits.first_spend_amount, 0)::decimal(18, 2) as first_touch_spend_amount, -- What was paid for them, in the home currency
    coalesce(credits.last_spend_amount, 0)::decimal(18, 2) as last_touch_spend_amount, -- What was paid for them, in the home currency
    coalesce(credits.linear_spend_amount, 0)::decimal(18, 2) as linear_touch_spend_amount, -- Its equal part of what was paid for them, in the home currency
from touched_customers
left join credits
    on touched_customers.campaign_id = credits.campaign_id
