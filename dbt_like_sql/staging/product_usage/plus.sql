-- One row per use of what a subscription gives.

select
    'plus' as source,
    use_id as usage_id,
    case when user_id is not null then 'webshop' end as record_source,
    user_id as record_id,
    product_id,
    feature,
    used_at,
    times as quantity,
from sources.plus_usage
