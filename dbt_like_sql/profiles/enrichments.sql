-- One row per fact from outside that may be used on the day of the run, with its customer.
--
-- A fact is gone the day after expires_on, and not there before collected_on. It never stands in for
-- what a customer's own records say: profiles.customer_attributes keeps it in a namespace of its own.
-- A fact about an unknown record is in staging.enrichments only.

with

clock as (
    select as_of_on,
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
    enrichments.source, -- Source system, usually the partner
    enrichments.enrichment_id, -- Fact's id in the source
    identity_map.customer_id, -- Customer it is about
    enrichments.record_source, -- Source system of the customer record
    enrichments.record_id, -- Customer record in that system
    enrichments.attribute, -- Name of the fact
    enrichments.party, -- second (a partner's own customers) or third (a data broker)
    enrichments.licence, -- Licence or agreement it may be used under
    enrichments.value, -- Its value as text
    enrichments.collected_on, -- Day it was collected
    enrichments.expires_on, -- Last day it may be used; null for no end
from staging.enrichments as enrichments
cross join clock
inner join identity_map
    on
        enrichments.record_source = identity_map.record_source
        and enrichments.record_id = identity_map.record_id
where
    coalesce(enrichments.expires_on >= clock.as_of_on, true)
    and coalesce(enrichments.collected_on <= clock.as_of_on, true)
