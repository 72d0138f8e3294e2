-- One row per customer who refused to be profiled.
-- Nothing is learned from what they bought, beyond its part in the best sellers, and they are
-- recommended what everybody is. A refusal holds on whatever channel it was given, until it is
-- granted again on that channel. Judged by the newest landed consents, whatever the as-of date.
with decisions as (
    select
        consents.customer_id,
        consents.channel,
        -- an undated refusal is later than everything, an undated grant earlier
        max(coalesce(consents.decided_at, timestamp '0001-01-01 00:00:00')) filter (
            where consents.is_granted
        ) as granted_at,
        max(coalesce(consents.decided_at, timestamp '9999-12-31 00:00:00')) filter (
            where not consents.is_granted
        ) as refused_at,
    from profiles.consents as consents
    where
        consents.purpose = 'profiling'
        and consents.customer_id is not null
        and (
            consents.is_granted
            or consents.reach = 'own'
            or consents.is_current_contact_point
        )
    group by
        consents.customer_id,
        consents.channel
)

select
    decisions.customer_id, -- The customer.
    max(decisions.refused_at) as refused_at, -- When it was refused last, UTC; the year 9999 when the source gave no time.
from decisions
where
    decisions.refused_at is not null
    and (decisions.granted_at is null or decisions.granted_at <= decisions.refused_at)
group by decisions.customer_id
