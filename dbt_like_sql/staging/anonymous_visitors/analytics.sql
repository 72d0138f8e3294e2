-- One row per cookie seen in the last 90 days, which is what the contract keeps.
-- Whoever logged in with it last is its record; a cookie nobody logged in with has none.

select
    'analytics' as source,
    cookie as visitor_id,
    case when user_id is not null then 'webshop' end as record_source,
    user_id as record_id,
    first_seen as first_seen_at,
    last_seen as last_seen_at,
    device as device_kind,
    country,
    page_views,
    product_views,
from sources.analytics_visitors
