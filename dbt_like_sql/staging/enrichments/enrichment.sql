-- One row per fact that the partner shares or the broker sells.

select
    'enrichment' as source,
    fact_id as enrichment_id,
    customer_system as record_source,
    customer_id as record_id,
    attribute,
    value,
    party,
    licence,
    collected_on,
    expires_on,
from sources.enrichment_facts
