-- One row per customer, channel and purpose that permissions.yml names: may they be contacted, and on what ground.
--
-- Consent must have been given for the golden profile's own address or number of today, or for the
-- person as a whole, and later than every refusal: a refusal by any of the merged records, at any
-- of their contact points, counts against the customer, and so does the refusal of somebody else
-- who shares the current contact point. The gates of the rule (deceased, protected identity,
-- minor) come first. Consent is judged by the newest landed events, whatever the as-of date.

with

rules as (
    select
        rules.purpose,
        rules.channel,
        rules.contact_point,
        rules.consent_order,
        rules.soft_opt_in_order,
        rules.contract_order,
        rules.existing_customer_days,
        rules.blocks_deceased,
        rules.blocks_protected_identity,
        rules.blocks_minor,
    from action.permission_rules as rules
),

customers as (
    select
        profiles.customer_id,
        profiles.is_deceased,
        profiles.has_protected_identity,
        profiles.is_minor,
        profiles.has_email,
        profiles.has_phone,
        profiles.has_address,
        measures.recency_days,
        measures.open_ticket_count,
    from profiles.golden_profiles as profiles
    left join insight.customer_measures as measures
        on profiles.customer_id = measures.customer_id
),

-- an undated refusal is later than everything, an undated grant earlier
decisions as (
    select
        consents.customer_id,
        consents.channel,
        consents.purpose,
        max(
            coalesce(consents.decided_at, timestamp '0001-01-01 00:00:00')
        ) filter (
            where
            consents.is_granted
            and (consents.is_for_person or consents.is_current_contact_point)
        ) as granted_at,
        max(
            coalesce(consents.decided_at, timestamp '9999-12-31 00:00:00')
        ) filter (
            where
            not consents.is_granted
            and (consents.reach = 'own' or consents.is_current_contact_point)
        ) as refused_at,
        coalesce(bool_or(consents.is_granted), false) as was_granted_somewhere,
    from profiles.consents as consents
    where consents.customer_id is not null
    group by all
),

grounds as (
    select
        customers.customer_id,
        rules.channel,
        rules.purpose,
        case
            when rules.blocks_deceased and customers.is_deceased then 'deceased'
            when rules.blocks_protected_identity and customers.has_protected_identity
                then 'protected_identity'
            when rules.blocks_minor and customers.is_minor then 'minor'
            when rules.contact_point = 'email' and not customers.has_email then 'no_contact_point'
            when rules.contact_point = 'phone' and not customers.has_phone then 'no_contact_point'
            when rules.contact_point = 'address' and not customers.has_address
                then 'no_contact_point'
        end as blocked_by,
        decisions.granted_at,
        decisions.refused_at,
        coalesce(decisions.was_granted_somewhere, false) as was_granted_somewhere,
        rules.consent_order is not null
        and decisions.granted_at is not null
        and (decisions.refused_at is null or decisions.granted_at > decisions.refused_at)
            as has_consent,
        rules.soft_opt_in_order is not null
        and decisions.refused_at is null
        and coalesce(customers.recency_days <= rules.existing_customer_days, false)
            as has_soft_opt_in,
        rules.contract_order is not null
        and (
            coalesce(customers.recency_days <= rules.existing_customer_days, false)
            or coalesce(customers.open_ticket_count > 0, false)
        ) as has_contract,
        rules.consent_order,
        rules.soft_opt_in_order,
        rules.contract_order,
    from customers
    cross join rules
    left join decisions
        on
            customers.customer_id = decisions.customer_id
            and rules.channel = decisions.channel
            and rules.purpose = decisions.purpose
),

-- the first ground in the rule's own order that holds
ordered_grounds as (
    select
        grounds.customer_id,
        grounds.channel,
        grounds.purpose,
        grounds.blocked_by,
        grounds.granted_at,
        grounds.refused_at,
        grounds.was_granted_somewhere,
        case when grounds.has_consent then grounds.consent_order end as consent_order,
        case when grounds.has_soft_opt_in then grounds.soft_opt_in_order end as soft_opt_in_order,
        case when grounds.has_contract then grounds.contract_order end as contract_order,
        least(
            case when grounds.has_consent then grounds.consent_order end,
            case when grounds.has_soft_opt_in then grounds.soft_opt_in_order end,
            case when grounds.has_contract then grounds.contract_order end
        ) as first_order,
    from grounds
),

decided_grounds as (
    select
        ordered_grounds.customer_id,
        ordered_grounds.channel,
        ordered_grounds.purpose,
        ordered_grounds.blocked_by,
        ordered_grounds.granted_at,
        ordered_grounds.refused_at,
        ordered_grounds.was_granted_somewhere,
        case ordered_grounds.first_order
            when ordered_grounds.consent_order then 'consent'
            when ordered_grounds.soft_opt_in_order then 'soft_opt_in'
            when ordered_grounds.contract_order then 'contract'
            else 'none'
        end as ground,
    from ordered_grounds
)

select
    decided_grounds.customer_id, -- Customer
    decided_grounds.channel, -- email, sms, phone, post or ads
    decided_grounds.purpose, -- marketing, profiling or service
    case
        when decided_grounds.blocked_by is null then decided_grounds.ground
        else 'none'
    end as basis, -- Legal basis it rests on: consent, soft_opt_in, contract, or none
    case
        when decided_grounds.blocked_by is not null then decided_grounds.blocked_by
        when decided_grounds.ground != 'none' then decided_grounds.ground
        when decided_grounds.refused_at is not null then 'refused'
        when decided_grounds.was_granted_somewhere then 'consent_for_other_contact_point'
        else 'no_consent'
    end as why, -- In a word: the basis, or what stands against it
    decided_grounds.blocked_by is null and decided_grounds.ground != 'none' as is_allowed, -- The customer may be contacted
    decided_grounds.granted_at, -- Newest consent that holds for the current contact point, UTC
    decided_grounds.refused_at, -- Newest refusal that counts against the customer, UTC
from decided_grounds
