-- One row per customer and attribute: the value that holds, of all a customer's records say.
--
-- Attributes are what sources deliver beyond the canonical columns, carried as text. The value of
-- the most trusted source holds, then the newest, then the record first in key order. What others
-- know of the customer is called enrichment.<party>.<attribute>, so that it never stands in for what
-- the customer's own records say; the newest fact in force holds, and is gone when its licence ends.

with

identity_map as (
    select
        links.source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

records as (
    select
        records.source,
        records.record_id,
        records.trust,
    from staging.customer_records as records
),

values_per_record as (
    select
        identity_map.customer_id,
        attributes.attribute,
        attributes.value,
        attributes.source,
        attributes.record_id,
        null as licence,
        null::date as expires_on,
        attributes.updated_at,
        coalesce(records.trust, 1000) as trust,
    from staging.customer_attributes as attributes
    inner join identity_map
        on
            attributes.source = identity_map.source
            and attributes.record_id = identity_map.record_id
    left join records
        on
            attributes.source = records.source
            and attributes.record_id = records.record_id
    where attributes.value is not null
    union all
    select
        enrichments.customer_id,
        'enrichment.' || enrichments.party || '.' || enrichments.attribute as attribute,
        enrichments.value,
        enrichments.source,
        enrichments.enrichment_id as record_id,
        enrichments.licence,
        enrichments.expires_on,
        enrichments.collected_on::timestamp as updated_at,
        1000 as trust,
    from profiles.enrichments as enrichments
    where enrichments.value is not null
),

ranked_values as (
    select
        values_per_record.customer_id,
        values_per_record.attribute,
        values_per_record.value,
        values_per_record.source,
        values_per_record.record_id,
        values_per_record.licence,
        values_per_record.expires_on,
        values_per_record.updated_at,
        row_number() over (
            partition by values_per_record.customer_id, values_per_record.attribute
            order by
                values_per_record.trust asc,
                values_per_record.updated_at desc nulls last,
                values_per_record.source asc,
                values_per_record.record_id asc
        ) as value_rank,
        count(*) over (
            partition by values_per_record.customer_id, values_per_record.attribute
        ) as candidate_count,
    from values_per_record
)

select
    ranked_values.customer_id, -- Customer
    ranked_values.attribute, -- Name of the attribute, as the source's column is called in its contract; enrichment.<party>.<name> for what others know
    ranked_values.source, -- Source system of the record whose value holds
    ranked_values.record_id, -- Record whose value holds; the fact's own id for what others know
    ranked_values.licence, -- Licence that a fact from outside is used under; null for the customer's own records
    ranked_values.value, -- The value, as text
    ranked_values.candidate_count::integer as candidate_count, -- Records of the customer, or facts, that have a value
    ranked_values.expires_on, -- Last day a fact from outside may be used; null for no end
    ranked_values.updated_at, -- When the record was last changed, or the day a fact was collected, UTC
from ranked_values
where ranked_values.value_rank = 1
