-- One row per channel and buyer group with a randomised comparison: how many more buy because of a message.
--
-- Only campaigns with a control group count, and within a campaign those who were sent the message
-- are compared with those who were held back, so campaigns that differ in size or season do not
-- mix. The response is a purchase within 14 days; messages whose 14 days are not over by the as-of
-- date wait. A group's own uplift is drawn towards the channel's, the more the less it is known.
-- A channel without such campaigns has no row: nothing is estimated from opens or clicks alone.

with

settings as (
    select
        14 as response_days,
        -- how far apart the uplifts of two groups usually lie; decides how much a group is with_variance
        0.02::decimal(18, 6) as spread_of_groups,
),

clock as (
    select
        run_clock.as_of_on,
        run_clock.time_zone,
        settings.response_days,
        settings.spread_of_groups,
    from sources.run_clock as run_clock
    cross join settings
),

identity_map as (
    select
        links.source as record_source,
        links.record_id,
        links.customer_id,
    from identity.identity_map as links
),

campaigns_with_control as (
    select
        messages.source,
        messages.campaign_id,
    from staging.messages as messages
    where
        messages.is_control
        and messages.campaign_id is not null
    group by all
),

messages as (
    select
        identity_map.customer_id,
        messages.source,
        messages.message_id,
        messages.campaign_id,
        messages.channel,
        coalesce(messages.is_control, false) as is_control,
        messages.sent_at,
    from staging.messages as messages
    inner join campaigns_with_control
        on
            messages.source = campaigns_with_control.source
            and messages.campaign_id = campaigns_with_control.campaign_id
    inner join identity_map
        on
            messages.record_source = identity_map.record_source
            and messages.record_id = identity_map.record_id
    cross join clock
    where
        ((messages.sent_at at time zone 'UTC') at time zone clock.time_zone)::date
        + clock.response_days <= clock.as_of_on
),

recipients as (
    select messages.customer_id,
    from messages
    group by all
),

events as (
    select
        messages.customer_id,
        messages.source,
        messages.message_id as reference_id,
        messages.campaign_id,
        messages.channel,
        messages.is_control,
        true as is_message,
        messages.sent_at as happened_at,
        null::timestamp as purchased_at,
    from messages
    union all
    select
        orders.customer_id,
        orders.source,
        orders.order_id as reference_id,
        null as campaign_id,
        null as channel,
        null as is_control,
        false as is_message,
        orders.ordered_at as happened_at,
        orders.ordered_at as purchased_at,
    from profiles.orders as orders
    inner join recipients
        on orders.customer_id = recipients.customer_id
    cross join clock
    where
        orders.is_purchase
        and orders.ordered_on <= clock.as_of_on
),

sequences as (
    select
        events.source,
        events.campaign_id,
        events.channel,
        events.is_control,
        events.is_message,
        events.happened_at,
        count(events.purchased_at) over so_far as order_count,
        max(events.purchased_at) over so_far as last_purchase_at,
        min(events.purchased_at) over (
            partition by events.customer_id
            order by
                events.happened_at asc,
                events.is_message asc,
                events.source asc,
                events.reference_id asc
            rows between 1 following and unbounded following
        ) as next_purchase_at,
    from events
    window so_far as (
        partition by events.customer_id
        order by
            events.happened_at asc,
            events.is_message asc,
            events.source asc,
            events.reference_id asc
        rows between unbounded preceding and current row
    )
),

responses as (
    select
        sequences.source,
        sequences.campaign_id,
        sequences.channel,
        sequences.is_control,
        buyer_groups.buyer_group,
        coalesce(
            sequences.next_purchase_at
            <= sequences.happened_at + to_days(clock.response_days),
            false
        ) as has_bought,
    from sequences
    cross join clock
    inner join action.buyer_groups as buyer_groups
        on
            sequences.order_count
            between buyer_groups.order_count_from and buyer_groups.order_count_to
            and coalesce(
                date_diff('day', sequences.last_purchase_at::date, sequences.happened_at::date), -1
            ) between buyer_groups.recency_days_from and buyer_groups.recency_days_to
    where sequences.is_message
),

arms as (
    select
        responses.source,
        responses.campaign_id,
        responses.channel,
        responses.buyer_group,
        count(*) filter (where not responses.is_control) as treated_count,
        count(*) filter (where responses.is_control) as control_count,
        count(*) filter (where not responses.is_control and responses.has_bought)
            as treated_buyer_count,
        count(*) filter (where responses.is_control and responses.has_bought)
            as control_buyer_count,
    from responses
    group by all
),

-- the weight of a comparison is the harmonic size of its two arms
comparisons as (
    select
        arms.channel,
        arms.buyer_group,
        arms.treated_count,
        arms.control_count,
        arms.treated_buyer_count,
        arms.control_buyer_count,
        (
            (arms.treated_count * arms.control_count)::decimal(38, 6)
            / (arms.treated_count + arms.control_count)
        )::decimal(28, 6) as weight,
        (
            (
                arms.treated_buyer_count * arms.control_count
                - arms.control_buyer_count * arms.treated_count
            )::decimal(38, 6)
            / (arms.treated_count + arms.control_count)
        )::decimal(28, 6) as weighted_uplift,
    from arms
    where
        arms.treated_count > 0
        and arms.control_count > 0
),

groups as (
    select
        comparisons.channel,
        comparisons.buyer_group,
        sum(comparisons.treated_count) as treated_count,
        sum(comparisons.control_count) as control_count,
        sum(comparisons.treated_buyer_count) as treated_buyer_count,
        sum(comparisons.control_buyer_count) as control_buyer_count,
        sum(comparisons.weight) as weight,
        sum(comparisons.weighted_uplift) as weighted_uplift,
    from comparisons
    group by all
),

estimates as (
    select
        groups.channel,
        groups.buyer_group,
        groups.treated_count,
        groups.control_count,
        groups.treated_buyer_count,
        groups.control_buyer_count,
        groups.weight,
        groups.weighted_uplift::double / groups.weight::double as uplift,
        sum(groups.weight) over channel_groups as channel_weight,
        (sum(groups.weighted_uplift) over channel_groups)::double
        / (sum(groups.weight) over channel_groups)::double as channel_uplift,
        -- one imagined buyer and one imagined non-buyer keep the variance above zero
        (groups.treated_buyer_count + groups.control_buyer_count + 1)::double
        / (groups.treated_count + groups.control_count + 2)::double as pooled_rate,
    from groups
    window channel_groups as (partition by groups.channel)
),

estimates_with_variance as (
    select
        estimates.channel,
        estimates.buyer_group,
        estimates.treated_count,
        estimates.control_count,
        estimates.treated_buyer_count,
        estimates.control_buyer_count,
        estimates.weight,
        estimates.uplift,
        estimates.channel_weight,
        estimates.channel_uplift,
        estimates.pooled_rate * (1 - estimates.pooled_rate) / estimates.weight::double as variance,
        clock.spread_of_groups::double as spread_of_groups,
    from estimates
    cross join clock
),

weighed_estimates as (
    select
        with_variance.channel,
        with_variance.buyer_group,
        with_variance.treated_count,
        with_variance.control_count,
        with_variance.treated_buyer_count,
        with_variance.control_buyer_count,
        with_variance.weight,
        with_variance.uplift,
        with_variance.channel_weight,
        with_variance.channel_uplift,
        with_variance.variance,
        with_variance.spread_of_groups * with_variance.spread_of_groups
        / (with_variance.spread_of_groups * with_variance.spread_of_groups + with_variance.variance) as own_weight,
    from estimates_with_variance as with_variance
)

select
    weighed.channel, -- Channel of the messages
    weighed.buyer_group, -- What the customer had bought when the message was sent, see buyer_groups
    weighed.treated_count::integer as treated_count, -- Messages sent
    weighed.control_count::integer as control_count, -- Messages held back for the control group
    weighed.treated_buyer_count::integer as treated_buyer_count, -- Sent messages followed by a purchase within 14 days
    weighed.control_buyer_count::integer as control_buyer_count, -- Held back messages followed by a purchase within 14 days
    weighed.weight::decimal(18, 2) as evidence_count, -- Size of the comparison: harmonic size of the two arms, summed over campaigns
    weighed.channel_weight::decimal(18, 2) as channel_evidence_count, -- The same over all groups of the channel
    weighed.uplift::decimal(18, 6) as uplift_ratio, -- Share of recipients who bought because of the message, as measured
    sqrt(weighed.variance)::decimal(18, 6) as uplift_error_ratio, -- Standard error of uplift_ratio
    weighed.channel_uplift::decimal(18, 6) as channel_uplift_ratio, -- The same over all groups of the channel
    weighed.own_weight::decimal(18, 6) as own_weight_ratio, -- How much the group's own figure counts against the channel's
    (
        weighed.own_weight * weighed.uplift + (1 - weighed.own_weight) * weighed.channel_uplift
    )::decimal(18, 6) as shrunk_uplift_ratio, -- The figure to use: the group's uplift drawn towards the channel's
from weighed_estimates as weighed
