-- One row per customer, channel, purpose and contact point: the decision that holds there.
--
-- The newest event at a contact point holds; when two bear the same time the refusal does. A
-- refusal also reaches every other customer who shares the address or number (reach
-- shared_contact_point), because the one who opens the letter has asked for none; a grant counts
-- only for who gave it. Events of records that belong to no customer are kept with a null
-- customer_id. Judged by the newest landed events, whatever the as-of date. Contact points are
-- numbered per customer, never shown.

with

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

-- Two spellings of one number are one contact point: national and international forms agree in
-- the last eight digits. An event without a contact point is about the person as a whole, and so
-- is every decision about post.
events as (
    select
        consents.source,
        consents.event_id,
        consents.record_source,
        consents.record_id,
        identity_map.customer_id,
        consents.channel,
        consents.purpose,
        consents.is_granted,
        consents.decided_at,
        coalesce(
            consents.decided_at,
            -- without a date a refusal always counts and a grant never outlives one
            case
                when consents.is_granted then timestamp '0001-01-01 00:00:00'
                else timestamp '9999-12-31 00:00:00'
            end
        ) as judged_at,
        case
            when consents.channel = 'post' then null
            when consents.contact_point like '%@%' then lower(trim(consents.contact_point))
            else nullif(
                right(regexp_replace(consents.contact_point, '[^0-9]', '', 'g'), 8), ''
            )
        end as contact_key,
    from staging.consents as consents
    left join identity_map
        on
            consents.record_source = identity_map.record_source
            and consents.record_id = identity_map.record_id
),

contact_keys as (
    select
        identity_map.customer_id,
        lower(trim(records.email)) as contact_key,
    from staging.customer_records as records
    inner join identity_map
        on
            records.source = identity_map.record_source
            and records.record_id = identity_map.record_id
    where records.email is not null
    union
    select
        identity_map.customer_id,
        right(regexp_replace(records.phone, '[^0-9]', '', 'g'), 8) as contact_key,
    from staging.customer_records as records
    inner join identity_map
        on
            records.source = identity_map.record_source
            and records.record_id = identity_map.record_id
    where length(regexp_replace(records.phone, '[^0-9]', '', 'g')) >= 6
),

current_keys as (
    select
        profiles.customer_id,
        profiles.email as contact_key,
    from profiles.golden_profiles as profiles
    where profiles.email is not null
    union
    select
        profiles.customer_id,
        right(regexp_replace(profiles.phone, '[^0-9]', '', 'g'), 8) as contact_key,
    from profiles.golden_profiles as profiles
    where profiles.phone is not null
),

shared_refusals as (
    select
        events.source,
        events.event_id,
        events.record_source,
        events.record_id,
        contact_keys.customer_id,
        events.channel,
        events.purpose,
        events.is_granted,
        events.decided_at,
        events.judged_at,
        events.contact_key,
    from events
    inner join contact_keys
        on events.contact_key = contact_keys.contact_key
    where
        not events.is_granted
        and events.customer_id is distinct from contact_keys.customer_id
),

reaching_events as (
    select
        events.source || ':' || events.event_id as consent_id,
        'own' as reach,
        events.source,
        events.event_id,
        events.record_source,
        events.record_id,
        events.customer_id,
        events.channel,
        events.purpose,
        events.is_granted,
        events.decided_at,
        events.judged_at,
        events.contact_key,
        -- whose decision it is when no customer is known
        coalesce(
            events.customer_id,
            events.record_source || ':' || events.record_id,
            events.source || ':' || events.event_id
        ) as subject,
    from events
    union all
    select
        shared.source || ':' || shared.event_id || ':' || shared.customer_id as consent_id,
        'shared_contact_point' as reach,
        shared.source,
        shared.event_id,
        shared.record_source,
        shared.record_id,
        shared.customer_id,
        shared.channel,
        shared.purpose,
        shared.is_granted,
        shared.decided_at,
        shared.judged_at,
        shared.contact_key,
        shared.customer_id as subject,
    from shared_refusals as shared
),

ranked_events as (
    select
        reaching.consent_id,
        reaching.reach,
        reaching.source,
        reaching.event_id,
        reaching.record_source,
        reaching.record_id,
        reaching.customer_id,
        reaching.channel,
        reaching.purpose,
        reaching.is_granted,
        reaching.decided_at,
        reaching.contact_key,
        row_number() over decision as decision_rank,
        count(*) over (
            partition by
                reaching.subject, reaching.channel, reaching.purpose, reaching.contact_key
        ) as event_count,
        dense_rank() over (
            partition by reaching.subject
            order by reaching.contact_key nulls first
        ) as contact_point_no,
    from reaching_events as reaching
    window decision as (
        partition by
            reaching.subject, reaching.channel, reaching.purpose, reaching.contact_key
        order by
            reaching.judged_at desc,
            reaching.is_granted asc,
            -- at the same moment the customer's own word comes before a shared one
            reaching.reach asc,
            reaching.source asc,
            reaching.event_id asc
    )
)

select
    ranked_events.consent_id, -- Key: source and number of the deciding event, and the customer it reaches by a shared contact point
    ranked_events.customer_id, -- Customer; null when the record belongs to none
    ranked_events.source, -- Source system of the deciding event
    ranked_events.event_id, -- Number of the deciding event in the source
    ranked_events.record_source, -- Source system of the record that decided
    ranked_events.record_id, -- Record that decided
    ranked_events.channel, -- email, sms, phone, post or ads
    ranked_events.purpose, -- marketing, profiling or service
    ranked_events.reach, -- own, or shared_contact_point for a refusal by another who uses the same address or number
    ranked_events.contact_point_no::integer as contact_point_no, -- Number of the contact point within the customer {drops email, phone: only a number}
    ranked_events.event_count::integer as event_count, -- Events seen at this contact point, channel and purpose {drops email, phone: only counted}
    ranked_events.is_granted, -- True: given; false: refused or withdrawn
    ranked_events.contact_key is null as is_for_person, -- No contact point was named: it holds for the person on this channel {drops email, phone: only whether one is named}
    current_keys.customer_id is not null as is_current_contact_point, -- The contact point is the golden profile's own today
    ranked_events.customer_id is null as is_orphan, -- The record belongs to no customer
    ranked_events.decided_at, -- When it was decided, UTC
from ranked_events
left join current_keys
    on
        ranked_events.customer_id = current_keys.customer_id
        and ranked_events.contact_key = current_keys.contact_key
where ranked_events.decision_rank = 1
