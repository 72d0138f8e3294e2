-- One row per thing done on the website or in the app, with its customer.
--
-- An event is a customer's only where a record was logged in: a cookie never makes it theirs, also
-- not when the same cookie logs in later. A cookie is left out 90 days after the event, and with it
-- the event where nobody was logged in. What was searched for stays in staging.web_events.

with

clock as (
    select
        time_zone,
        as_of_on,
    from sources.run_clock
),

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

dated_events as (
    select
        events.source,
        events.event_id,
        events.record_source,
        events.record_id,
        events.visitor_id,
        events.campaign_id,
        events.product_id,
        events.event,
        events.category,
        events.device_kind,
        ((events.occurred_at at time zone 'UTC') at time zone clock.time_zone)::date as occurred_on,
        events.occurred_at,
        clock.as_of_on - 90 as cookies_since_on,
    from staging.web_events as events
    cross join clock
)

select
    dated_events.source, -- Source system of the event
    dated_events.event_id, -- Event's id in the source
    identity_map.customer_id, -- Customer who was logged in; null when nobody was, or nobody known
    dated_events.record_source, -- Source system of the customer record
    dated_events.record_id, -- Customer record in that system
    case
        when dated_events.occurred_on >= dated_events.cookies_since_on then dated_events.visitor_id
    end as visitor_id, -- Cookie or device; null once it is older than 90 days
    dated_events.campaign_id, -- Campaign whose link led there; null for none
    dated_events.product_id, -- Product it is about; null for none
    dated_events.event, -- page_view, product_view, search, add_to_cart, login or other
    dated_events.category, -- Category it is about; null for none
    dated_events.device_kind, -- Kind of device: mobile, desktop, tablet or app
    dated_events.occurred_on, -- Day of it, in the business's time zone
    dated_events.occurred_at, -- When, UTC
from dated_events
left join identity_map
    on
        dated_events.record_source = identity_map.record_source
        and dated_events.record_id = identity_map.record_id
where
    dated_events.record_id is not null
    or dated_events.occurred_on >= dated_events.cookies_since_on
