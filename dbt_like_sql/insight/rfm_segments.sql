-- One row per customer: recency, frequency and monetary scores, and the segment they give.
--
-- The scores are those of rfm_scores on the as-of date; customers who never bought are prospects
-- without scores. Borders and grid stand in insight.yml. Spend is net of returns, over the whole
-- history. By shares the borders move with the whole base: a customer can change segment because
-- others did. For what moved over a fixed period see rfm_migrations; previous_segment is that of
-- the release before, which may be a day old.

with

measures as (
    select
        measures.customer_id,
        measures.as_of_on,
        measures.currency,
        measures.first_order_on,
        measures.last_order_on,
        measures.recency_days,
        measures.order_count,
        measures.net_spend_amount,
        measures.return_amount,
        measures.is_one_time_buyer,
    from insight.customer_measures as measures
),

scores as (
    select
        scores.scored_on,
        scores.customer_id,
        scores.segment,
        scores.recency_score,
        scores.frequency_score,
        scores.monetary_score,
    from insight.rfm_scores as scores
),

previous_segments as (
    select
        previous_release.customer_id,
        previous_release.segment,
        previous_release.changed_on,
    from previous.rfm_segments as previous_release
)

select
    measures.customer_id, -- Customer
    measures.as_of_on, -- Day the scores hold for
    coalesce(scores.segment, 'prospects') as segment, -- champions, loyal, active, new, promising, needs_attention, at_risk, previously_loyal, almost_lost, dormant or prospects
    previous_segments.segment as previous_segment, -- Segment in the release before; null for a customer new since then
    scores.recency_score, -- 1 (long ago) to 5 (most recent); null for prospects
    scores.frequency_score, -- 1 (one purchase) to 5 (most purchases); null for prospects
    scores.monetary_score, -- 1 (least spent) to 5 (most spent); null for prospects
    scores.recency_score::varchar
    || scores.frequency_score::varchar
    || scores.monetary_score::varchar as rfm_cell, -- The three scores as one text, as in 545
    measures.recency_days, -- Days since the last purchase
    measures.order_count as frequency_count, -- Purchases, whole history
    measures.currency, -- Currency of the amounts, ISO 4217
    measures.net_spend_amount as monetary_amount, -- Paid less returns, whole history
    measures.return_amount, -- Given back for returns, zero or negative
    measures.is_one_time_buyer, -- Exactly one purchase
    measures.first_order_on, -- Day of the first purchase
    measures.last_order_on, -- Day of the last purchase
    case
        when previous_segments.segment = coalesce(scores.segment, 'prospects')
            then previous_segments.changed_on
        else measures.as_of_on
    end as changed_on, -- As-of date of the release in which the customer came into the segment
from measures
left join scores
    on
        measures.customer_id = scores.customer_id
        and measures.as_of_on = scores.scored_on
left join previous_segments
    on measures.customer_id = previous_segments.customer_id
