-- One row per visitor of the last 90 days, by a hash of the cookie.
--
-- The cookie itself stays in the layers below. A visitor has a customer only by an exact login: the
-- record that logged in with that cookie. No device, address or habit ever makes one, so most rows
-- have none, and stay out of profiles.

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

dated_visitors as (
    select
        visitors.source,
        visitors.visitor_id,
        visitors.record_source,
        visitors.record_id,
        visitors.page_views,
        visitors.product_views,
        ((visitors.last_seen_at at time zone 'UTC') at time zone clock.time_zone)::date as last_seen_on,
        visitors.first_seen_at,
        visitors.last_seen_at,
        clock.as_of_on,
    from staging.anonymous_visitors as visitors
    cross join clock
)

select
    dated_visitors.source, -- Source system
    'v_' || left(sha256(dated_visitors.source || ':' || dated_visitors.visitor_id), 20) as visitor_key, -- Stands for the cookie. {drops device: a hash, the cookie cannot be set from it}
    identity_map.customer_id, -- Customer who logged in; null when nobody did, or nobody known
    dated_visitors.page_views, -- Pages seen
    dated_visitors.product_views, -- Of these, products
    dated_visitors.record_id is not null as is_logged_in, -- Whether a record logged in with the cookie
    dated_visitors.last_seen_on, -- Day of the latest visit, in the business's time zone
    dated_visitors.first_seen_at, -- First visit, UTC
    dated_visitors.last_seen_at, -- Latest visit, UTC
from dated_visitors
left join identity_map
    on
        dated_visitors.record_source = identity_map.record_source
        and dated_visitors.record_id = identity_map.record_id
where dated_visitors.last_seen_on >= dated_visitors.as_of_on - 90
