-- One row per page, search, product, cart or login.
-- The cookie is left out 90 days after the event, and with it what strangers did.

select
    'analytics' as source,
    events.event_id,
    case when events.user_id is not null then 'webshop' end as record_source,
    events.user_id as record_id,
    case
        when events.occurred_at >= clock.as_of_on - interval 90 day then events.cookie
    end as visitor_id,
    events.event,
    events.product_id,
    events.category,
    events.search_text,
    events.campaign as campaign_id,
    events.device as device_kind,
    events.occurred_at,
from sources.analytics_events as events
cross join sources.run_clock as clock
where events.user_id is not null or events.occurred_at >= clock.as_of_on - interval 90 day
