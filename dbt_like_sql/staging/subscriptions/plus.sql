-- One row per membership or refill.

select
    'plus' as source,
    subscription_id,
    case when user_id is not null then 'webshop' end as record_source,
    user_id as record_id,
    product_id,
    plan,
    status,
    started_on,
    renews_on,
    ended_on,
    billing_months,
    currency,
    price as recurring_amount,
    cancel_reason,
from sources.plus_subscriptions
