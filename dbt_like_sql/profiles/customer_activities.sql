-- One row per thing that happened between a customer and the business, over all sources.
--
-- Only events with a known customer; orphans are counted in the facts they come from. An order
-- and the return booked on it are two rows, and their amounts add up to the order's
-- net_home_amount. Cancelled orders are rows without an amount. Control-group messages were never
-- sent and are not here.

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
        identity_map.customer_id,
        messages.sent_at,
        messages.opened_at,
        messages.clicked_at,
        messages.replied_at,
    from staging.messages as messages
    inner join identity_map
        on
            messages.record_source = identity_map.record_source
            and messages.record_id = identity_map.record_id
    where not coalesce(messages.is_control, false)
),

tickets as (
    select
        tickets.source,
        tickets.ticket_id,
        tickets.channel,
        identity_map.customer_id,
        tickets.opened_at,
        tickets.closed_at,
    from staging.tickets as tickets
    inner join identity_map
        on
            tickets.record_source = identity_map.record_source
            and tickets.record_id = identity_map.record_id
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
        first_records.created_at as activity_at,
    from first_records
    where first_records.record_order = 1
)

select
    activities.kind || ':' || activities.source || ':' || activities.reference_id as activity_id, -- Key: kind, source and reference
    activities.customer_id, -- Customer
    activities.source, -- Source system of the event
    activities.reference_id, -- Order, message, ticket, consent event or record it is about
    activities.kind, -- order_placed, order_cancelled, goods_returned, message_sent, _opened, _clicked or _replied, ticket_opened or _closed, consent_given or _withdrawn, profile_created
    activities.channel, -- Channel it happened through; null when the source names none
    activities.home_amount::decimal(18, 2) as home_amount, -- Money that moved, in the home currency, negative for returns
    ((activities.activity_at at time zone 'UTC') at time zone clock.time_zone)::date as activity_on, -- Day in the business's time zone
    activities.activity_at, -- Time, UTC
from activities
cross join clock
where activities.activity_at is not null
