-- One row per cookie seen in the last 90 days.
-- Whoever logged in with it last is its record; a cookie nobody logged in with has none.

select
    'analytics' as source,
    visitors.cookie as visitor_id,
    case when visitors.user_id is not null then 'webshop' end as record_source,
    visitors.user_id as record_id,
    visitors.first_seen as first_seen_at,
    visitors.last_seen as last_seen_at,
    visitors.device as device_kind,
    visitors.country,
    visitors.page_views,
    visitors.product_views,
from sources.analytics_visitors as visitors
cross join sources.run_clock as clock
where visitors.last_seen >= clock.as_of_on - interval 90 day
