-- One row per page, search, product, cart or login of the last 90 days, which the contract keeps.

select
    'analytics' as source,
    event_id,
    case when user_id is not null then 'webshop' end as record_source,
    user_id as record_id,
    cookie as visitor_id,
    event,
    product_id,
    category,
    search_text,
    campaign as campaign_id,
    device as device_kind,
    occurred_at,
from sources.analytics_events
