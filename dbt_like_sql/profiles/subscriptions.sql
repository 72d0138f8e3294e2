-- One row per subscription as it stands, with its customer.
--
-- A subscription whose record is unknown is kept with a null customer_id. Amounts are as delivered:
-- one payment, in its own currency.

with

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
)

select
    subscriptions.source, -- Source system of the subscription
    subscriptions.subscription_id, -- Subscription's id in the source
    identity_map.customer_id, -- Customer who subscribes; null when unknown
    subscriptions.record_source, -- Source system of the customer record
    subscriptions.record_id, -- Customer record in that system
    subscriptions.product_id, -- Product that is subscribed to; null for a plan without one
    subscriptions.plan, -- Plan as the source calls it
    subscriptions.status, -- active, paused, cancelled or expired
    subscriptions.cancel_reason, -- Why it was cancelled, as one of the source's codes
    subscriptions.billing_months, -- Months that one payment covers
    subscriptions.currency, -- ISO 4217 currency of the amount
    subscriptions.recurring_amount, -- What one payment is
    subscriptions.started_on, -- First day of it
    subscriptions.renews_on, -- Next day it is renewed; null when it will not be
    subscriptions.ended_on, -- Last day of it; null while it runs
from staging.subscriptions as subscriptions
left join identity_map
    on
        subscriptions.record_source = identity_map.record_source
        and subscriptions.record_id = identity_map.record_id
