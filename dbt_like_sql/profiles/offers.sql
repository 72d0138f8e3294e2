-- One row per offer shown, with its customer.
--
-- An offer to an unknown record is kept with a null customer_id.

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
    offers.source, -- Source system of the offer
    offers.offer_id, -- Offer's id in the source
    identity_map.customer_id, -- Customer it was shown to; null when unknown
    offers.record_source, -- Source system of the customer record
    offers.record_id, -- Customer record in that system
    offers.campaign_id, -- Campaign it belongs to; null for none
    offers.product_id, -- Product that is offered; null for an offer on anything
    offers.channel, -- Where it was shown
    offers.discount_share, -- Share off the price; null where an amount is given
    offers.currency, -- ISO 4217 currency of the amount
    offers.discount_amount, -- Amount off the price; null where a share is given
    offers.expires_on, -- Last day it holds; null for no end
    ((offers.shown_at at time zone 'UTC') at time zone clock.time_zone)::date as shown_on, -- Day it was shown, in the business's time zone
    offers.shown_at, -- When it was shown, UTC
    offers.accepted_at, -- When it was taken up, UTC; null when it was not
from staging.offers as offers
cross join clock
left join identity_map
    on
        offers.record_source = identity_map.record_source
        and offers.record_id = identity_map.record_id
