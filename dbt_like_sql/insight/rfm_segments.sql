-- One row per customer: recency, frequency and monetary scores, and the segment they give.
--
-- Scores go from 1 to 5 by the share of buyers one stands level with or ahead of, counted in whole
-- numbers, so equal customers always score alike and no row order matters. A one-time buyer
-- scores 1 on frequency whatever their share; those who came back share 2 to 5. Customers who
-- never bought are prospects without scores. Spend is net of returns, over the whole history. The
-- borders move with the whole base: a customer can change segment because others did.

with

-- The grid is the one place where scores become a segment: recency score down, value score across.
-- The value score is the mean of frequency and monetary score, rounded up; for a one-time buyer it
-- is 1 whatever they spent, because one purchase is no habit.
segment_grid as (
    select
        grid.recency_score,
        grid.value_score,
        grid.segment,
    from (
        values
        (5, 1, 'new'),
        (5, 2, 'active'),
        (5, 3, 'active'),
        (5, 4, 'loyal'),
        (5, 5, 'champions'),
        (4, 1, 'promising'),
        (4, 2, 'promising'),
        (4, 3, 'active'),
        (4, 4, 'loyal'),
        (4, 5, 'champions'),
        (3, 1, 'needs_attention'),
        (3, 2, 'needs_attention'),
        (3, 3, 'needs_attention'),
        (3, 4, 'loyal'),
        (3, 5, 'loyal'),
        (2, 1, 'almost_lost'),
        (2, 2, 'almost_lost'),
        (2, 3, 'at_risk'),
        (2, 4, 'at_risk'),
        (2, 5, 'at_risk'),
        (1, 1, 'dormant'),
        (1, 2, 'dormant'),
        (1, 3, 'dormant'),
        (1, 4, 'previously_loyal'),
        (1, 5, 'previously_loyal')
    ) as grid (recency_score, value_score, segment)
),

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

buyer_ranks as (
    select
        measures.customer_id,
        measures.recency_days,
        measures.order_count,
        measures.net_spend_amount,
        measures.is_one_time_buyer,
        count(*) over () as buyer_count,
        -- buyers who bought no more recently than this one, equals included
        count(*) over (order by measures.recency_days desc) as recency_place,
        count(*) over (order by measures.net_spend_amount) as monetary_place,
        count(*) over (
            partition by measures.is_one_time_buyer
            order by measures.order_count
        ) as frequency_place,
        count(*) over (partition by measures.is_one_time_buyer) as frequency_group_count,
    from measures
    where measures.order_count > 0
),

-- places become scores by rounding up: the top fifth of five buyers is one buyer
scores as (
    select
        buyer_ranks.customer_id,
        (5 * buyer_ranks.recency_place + buyer_ranks.buyer_count - 1)
        // buyer_ranks.buyer_count as recency_score,
        case
            when buyer_ranks.is_one_time_buyer then 1
            else
                1
                + (4 * buyer_ranks.frequency_place + buyer_ranks.frequency_group_count - 1)
                // buyer_ranks.frequency_group_count
        end as frequency_score,
        (5 * buyer_ranks.monetary_place + buyer_ranks.buyer_count - 1)
        // buyer_ranks.buyer_count as monetary_score,
        buyer_ranks.is_one_time_buyer,
    from buyer_ranks
),

segments as (
    select
        scores.customer_id,
        scores.recency_score,
        scores.frequency_score,
        scores.monetary_score,
        segment_grid.segment,
    from scores
    inner join segment_grid
        on
            scores.recency_score = segment_grid.recency_score
            and case
                when scores.is_one_time_buyer then 1
                else (scores.frequency_score + scores.monetary_score + 1) // 2
            end = segment_grid.value_score
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
    coalesce(segments.segment, 'prospects') as segment, -- champions, loyal, active, new, promising, needs_attention, at_risk, previously_loyal, almost_lost, dormant or prospects
    previous_segments.segment as previous_segment, -- Segment in the release before; null for a customer new since then
    segments.recency_score::integer as recency_score, -- 1 (long ago) to 5 (most recent); null for prospects
    segments.frequency_score::integer as frequency_score, -- 1 (one purchase) to 5 (most purchases); null for prospects
    segments.monetary_score::integer as monetary_score, -- 1 (least spent) to 5 (most spent); null for prospects
    segments.recency_score::varchar
    || segments.frequency_score::varchar
    || segments.monetary_score::varchar as rfm_cell, -- The three scores as one text, as in 545
    measures.recency_days, -- Days since the last purchase
    measures.order_count as frequency_count, -- Purchases, whole history
    measures.currency, -- Currency of the amounts, ISO 4217
    measures.net_spend_amount as monetary_amount, -- Paid less returns, whole history
    measures.return_amount, -- Given back for returns, zero or negative
    measures.is_one_time_buyer, -- Exactly one purchase
    measures.first_order_on, -- Day of the first purchase
    measures.last_order_on, -- Day of the last purchase
    case
        when previous_segments.segment = coalesce(segments.segment, 'prospects')
            then previous_segments.changed_on
        else measures.as_of_on
    end as changed_on, -- As-of date of the release in which the customer came into the segment
from measures
left join segments
    on measures.customer_id = segments.customer_id
left join previous_segments
    on measures.customer_id = previous_segments.customer_id
