-- One row per use of a product or service, with its customer.
--
-- A use by an unknown record is kept with a null customer_id.

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
)

select
    product_usage.source, -- Source system of the use
    product_usage.usage_id, -- Use's id in the source
    identity_map.customer_id, -- Customer who used it; null when unknown
    product_usage.record_source, -- Source system of the customer record
    product_usage.record_id, -- Customer record in that system
    product_usage.product_id, -- Product that was used; null for none
    product_usage.feature, -- Which part of it, in the source's words
    product_usage.quantity, -- How much or how often
    ((product_usage.used_at at time zone 'UTC') at time zone clock.time_zone)::date as used_on, -- Day of use, in the business's time zone
    product_usage.used_at, -- When, UTC
from staging.product_usage as product_usage
cross join clock
left join identity_map
    on
        product_usage.record_source = identity_map.record_source
        and product_usage.record_id = identity_map.record_id
