-- One row per thing that happened between a customer and the business, over all sources.
--
-- Only events with a known customer; orphans are counted in the facts they come from. An order
-- and the return booked on it are two rows, and their amounts add up to the order's
-- net_home_amount. Cancelled orders are rows without an amount. Control-group messages were never
-- sent and are not here. Visits to the website and uses of a product are one row per customer and
-- day, with the number of events in it; a cart that was left is one row, whatever lies in it.

with

clock as (
    select time_zone,
    from sources.run_clock
),

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

orders as (
    select
        orders.source,
        orders.order_id,
        orders.customer_id,
        orders.channel,
        orders.status,
        orders.net_home_amount,
        orders.return_home_amount,
        orders.is_purchase,
        orders.ordered_at,
    from profiles.orders as orders
    where orders.customer_id is not null
),

messages as (
    select
        messages.source,
        messages.message_id,
        messages.channel,
        messages.customer_id,
        messages.sent_at,
        messages.opened_at,
        messages.clicked_at,
        messages.replied_at,
    from profiles.messages as messages
    where messages.customer_id is not null and not messages.is_control
),

tickets as (
    select
        tickets.source,
        tickets.ticket_id,
        tickets.channel,
        tickets.customer_id,
        tickets.opened_at,
        tickets.closed_at,
    from profiles.tickets as tickets
    where tickets.customer_id is not null
),

offers as (
    select
        offers.source,
        offers.offer_id,
        offers.channel,
        offers.customer_id,
        offers.shown_at,
        offers.accepted_at,
    from profiles.offers as offers
    where offers.customer_id is not null
),

subscriptions as (
    select
        subscriptions.source,
        subscriptions.subscription_id,
        subscriptions.customer_id,
        -- a day starts at midnight in the business's time zone
        (subscriptions.started_on::timestamp at time zone clock.time_zone) at time zone 'UTC'
            as started_at,
        (subscriptions.ended_on::timestamp at time zone clock.time_zone) at time zone 'UTC'
            as ended_at,
    from profiles.subscriptions as subscriptions
    cross join clock
    where subscriptions.customer_id is not null
),

abandoned_carts as (
    select
        carts.source,
        carts.cart_id,
        -- a cart is one record's; should a source say otherwise, it is still one cart
        min(carts.customer_id) as customer_id,
        max(carts.updated_at) as left_at,
        count(*)::integer as product_count,
    from profiles.carts as carts
    where carts.customer_id is not null and carts.status = 'abandoned'
    group by all
),

visits as (
    select
        events.source,
        events.customer_id,
        events.occurred_on,
        min(events.occurred_at) as begun_at,
        count(*)::integer as event_count,
    from profiles.web_events as events
    where events.customer_id is not null
    group by all
),

uses as (
    select
        product_usage.source,
        product_usage.customer_id,
        product_usage.used_on,
        min(product_usage.used_at) as begun_at,
        count(*)::integer as event_count,
    from profiles.product_usage as product_usage
    where product_usage.customer_id is not null
    group by all
),

first_records as (
    select
        identity_map.customer_id,
        records.source,
        records.record_id,
        records.created_at,
        row_number() over (
            partition by identity_map.customer_id
            order by records.created_at, records.source, records.record_id
        ) as record_order,
    from staging.customer_records as records
    inner join identity_map
        on
            records.source = identity_map.record_source
            and records.record_id = identity_map.record_id
    where records.created_at is not null
),

activities as (
    select
        orders.customer_id,
        case when orders.status = 'cancelled' then 'order_cancelled' else 'order_placed' end as kind,
        orders.source,
        orders.order_id as reference_id,
        orders.channel,
        case
            when orders.is_purchase
                then (orders.net_home_amount - orders.return_home_amount)::decimal(18, 2)
        end as home_amount,
        1 as event_count,
        orders.ordered_at as activity_at,
    from orders
    where orders.is_purchase or orders.status = 'cancelled'
    union all
    select
        orders.customer_id,
        'goods_returned' as kind,
        orders.source,
        orders.order_id as reference_id,
        orders.channel,
        case
            when orders.is_purchase then orders.return_home_amount
            else orders.net_home_amount
        end as home_amount,
        1 as event_count,
        orders.ordered_at as activity_at,
    from orders
    where
        orders.status != 'cancelled'
        and (not orders.is_purchase or orders.return_home_amount < 0)
    union all
    select
        messages.customer_id,
        'message_sent' as kind,
        messages.source,
        messages.message_id as reference_id,
        messages.channel,
        null as home_amount,
        1 as event_count,
        messages.sent_at as activity_at,
    from messages
    union all
    select
        messages.customer_id,
        'message_opened' as kind,
        messages.source,
        messages.message_id as reference_id,
        messages.channel,
        null as home_amount,
        1 as event_count,
        messages.opened_at as activity_at,
    from messages
    union all
    select
        messages.customer_id,
        'message_clicked' as kind,
        messages.source,
        messages.message_id as reference_id,
        messages.channel,
        null as home_amount,
        1 as event_count,
        messages.clicked_at as activity_at,
    from messages
    union all
    select
        messages.customer_id,
        'message_replied' as kind,
        messages.source,
        messages.message_id as reference_id,
        messages.channel,
        null as home_amount,
        1 as event_count,
        messages.replied_at as activity_at,
    from messages
    union all
    select
        tickets.customer_id,
        'ticket_opened' as kind,
        tickets.source,
        tickets.ticket_id as reference_id,
        tickets.channel,
        null as home_amount,
        1 as event_count,
        tickets.opened_at as activity_at,
    from tickets
    union all
    select
        tickets.customer_id,
        'ticket_closed' as kind,
        tickets.source,
        tickets.ticket_id as reference_id,
        tickets.channel,
        null as home_amount,
        1 as event_count,
        tickets.closed_at as activity_at,
    from tickets
    union all
    select
        identity_map.customer_id,
        case
            when consents.is_granted then 'consent_given'
            else 'consent_withdrawn'
        end as kind,
        consents.source,
        consents.event_id as reference_id,
        consents.channel,
        null as home_amount,
        1 as event_count,
        consents.decided_at as activity_at,
    from staging.consents as consents
    inner join identity_map
        on
            consents.record_source = identity_map.record_source
            and consents.record_id = identity_map.record_id
    union all
    select
        first_records.customer_id,
        'profile_created' as kind,
        first_records.source,
        first_records.record_id as reference_id,
        null as channel,
        null as home_amount,
        1 as event_count,
        first_records.created_at as activity_at,
    from first_records
    where first_records.record_order = 1
    union all
    select
        surveys.customer_id,
        'survey_answered' as kind,
        surveys.source,
        surveys.response_id as reference_id,
        surveys.channel,
        null as home_amount,
        1 as event_count,
        surveys.answered_at as activity_at,
    from profiles.surveys as surveys
    where surveys.customer_id is not null
    union all
    select
        subscriptions.customer_id,
        'subscription_started' as kind,
        subscriptions.source,
        subscriptions.subscription_id as reference_id,
        null as channel,
        null as home_amount,
        1 as event_count,
        subscriptions.started_at as activity_at,
    from subscriptions
    union all
    select
        subscriptions.customer_id,
        'subscription_ended' as kind,
        subscriptions.source,
        subscriptions.subscription_id as reference_id,
        null as channel,
        null as home_amount,
        1 as event_count,
        subscriptions.ended_at as activity_at,
    from subscriptions
    union all
    select
        offers.customer_id,
        'offer_shown' as kind,
        offers.source,
        offers.offer_id as reference_id,
        offers.channel,
        null as home_amount,
        1 as event_count,
        offers.shown_at as activity_at,
    from offers
    union all
    select
        offers.customer_id,
        'offer_accepted' as kind,
        offers.source,
        offers.offer_id as reference_id,
        offers.channel,
        null as home_amount,
        1 as event_count,
        offers.accepted_at as activity_at,
    from offers
    union all
    select
        abandoned_carts.customer_id,
        'cart_abandoned' as kind,
        abandoned_carts.source,
        abandoned_carts.cart_id as reference_id,
        'web' as channel,
        null as home_amount,
        abandoned_carts.product_count as event_count,
        abandoned_carts.left_at as activity_at,
    from abandoned_carts
    union all
    select
        visits.customer_id,
        'web_visit' as kind,
        visits.source,
        visits.customer_id || ':' || visits.occurred_on::varchar as reference_id,
        'web' as channel,
        null as home_amount,
        visits.event_count,
        visits.begun_at as activity_at,
    from visits
    union all
    select
        uses.customer_id,
        'product_used' as kind,
        uses.source,
        uses.customer_id || ':' || uses.used_on::varchar as reference_id,
        null as channel,
        null as home_amount,
        uses.event_count,
        uses.begun_at as activity_at,
    from uses
)

select
    activities.kind || ':' || activities.source || ':' || activities.reference_id as activity_id, -- Key: kind, source and reference
    activities.customer_id, -- Customer
    activities.source, -- Source system of the event
    activities.reference_id, -- Order, message, ticket, answer, offer, cart, subscription, consent event or record it is about; customer and day for visits and uses
    activities.kind, -- order_placed, order_cancelled, goods_returned, message_sent, _opened, _clicked or _replied, ticket_opened or _closed, consent_given or _withdrawn, profile_created, survey_answered, subscription_started or _ended, offer_shown or _accepted, cart_abandoned, web_visit, product_used
    activities.channel, -- Channel it happened through; null when the source names none
    activities.home_amount::decimal(18, 2) as home_amount, -- Money that moved, in the home currency, negative for returns
    activities.event_count::integer as event_count, -- Events in the row: of a visit or a day's use, products in a cart, else 1
    ((activities.activity_at at time zone 'UTC') at time zone clock.time_zone)::date as activity_on, -- Day in the business's time zone
    activities.activity_at, -- Time, UTC
from activities
cross join clock
where activities.activity_at is not null
