-- One row per customer who had bought and day scored: recency, frequency and monetary scores and the segment.
--
-- Scored are two days: the as-of date, and the day rfm_migration_days before it, by today's facts,
-- today's customers and today's rules, so that the two can be compared. Scores go from 1 to 5 by the
-- borders of rfm_borders: by the share of buyers one stands level with or ahead of, counted in exact
-- numbers, or by fixed values. Equal customers always score alike and no row order matters. A
-- one-time buyer scores 1 on frequency; those who came back share 2 to 5. Spend is net of returns,
-- over the whole history up to the day.

with

clock as (
    select
        run_clock.as_of_on,
        run_clock.as_of_on - settings.value as past_on,
    from sources.run_clock as run_clock
    cross join insight.settings as settings
    where settings.setting = 'rfm_migration_days'
),

-- one pass over the orders for both days
totals as (
    select
        orders.customer_id,
        clock.as_of_on,
        clock.past_on,
        count(*) filter (where orders.is_purchase) as order_count,
        count(*) filter (where orders.is_purchase and orders.ordered_on <= clock.past_on)
            as past_order_count,
        max(orders.ordered_on) filter (where orders.is_purchase) as last_order_on,
        max(orders.ordered_on) filter (
            where orders.is_purchase and orders.ordered_on <= clock.past_on
        ) as past_last_order_on,
        sum(orders.net_home_amount) as net_spend_amount,
        sum(orders.net_home_amount) filter (where orders.ordered_on <= clock.past_on)
            as past_net_spend_amount,
    from profiles.orders as orders
    cross join clock
    where
        orders.customer_id is not null
        and orders.status != 'cancelled'
        and orders.ordered_on <= clock.as_of_on
    group by all
),

buyers as (
    select
        totals.as_of_on as scored_on,
        totals.customer_id,
        totals.order_count,
        totals.order_count = 1 as is_one_time_buyer,
        coalesce(totals.net_spend_amount, 0)::decimal(18, 2) as net_spend_amount,
        totals.as_of_on - totals.last_order_on as recency_days,
    from totals
    where totals.order_count > 0
    union all
    select
        totals.past_on as scored_on,
        totals.customer_id,
        totals.past_order_count as order_count,
        totals.past_order_count = 1 as is_one_time_buyer,
        coalesce(totals.past_net_spend_amount, 0)::decimal(18, 2) as net_spend_amount,
        totals.past_on - totals.past_last_order_on as recency_days,
    from totals
    where totals.past_order_count > 0
),

places as (
    select
        buyers.scored_on,
        buyers.customer_id,
        buyers.recency_days,
        buyers.order_count,
        buyers.net_spend_amount,
        buyers.is_one_time_buyer,
        count(*) over (partition by buyers.scored_on) as buyer_count,
        -- buyers who bought no more recently than this one, equals included
        count(*) over (partition by buyers.scored_on order by buyers.recency_days desc)
            as recency_place,
        count(*) over (partition by buyers.scored_on order by buyers.net_spend_amount)
            as monetary_place,
        count(*) over (
            partition by buyers.scored_on, buyers.is_one_time_buyer
            order by buyers.order_count
        ) as frequency_place,
        count(*) over (partition by buyers.scored_on, buyers.is_one_time_buyer)
            as frequency_group_count,
    from buyers
),

-- one row: the four borders of each measure; a measure has borders of one kind, the others are null
borders as (
    select
        list(borders.above_share order by borders.score) filter (
            where borders.measure = 'recency'
        ) as recency_shares,
        list(borders.from_value order by borders.score) filter (
            where borders.measure = 'recency'
        ) as recency_values,
        list(borders.above_share order by borders.score) filter (
            where borders.measure = 'frequency'
        ) as frequency_shares,
        list(borders.from_value order by borders.score) filter (
            where borders.measure = 'frequency'
        ) as frequency_values,
        list(borders.above_share order by borders.score) filter (
            where borders.measure = 'monetary'
        ) as monetary_shares,
        list(borders.from_value order by borders.score) filter (
            where borders.measure = 'monetary'
        ) as monetary_values,
    from insight.rfm_borders as borders
),

-- a score is 1 and the number of borders passed; comparing with a null border is never true
scores as (
    select
        places.scored_on,
        places.customer_id,
        places.recency_days,
        places.order_count,
        places.net_spend_amount,
        places.is_one_time_buyer,
        1
        + len(list_filter(
            borders.recency_shares, lambda share: places.recency_place > share * places.buyer_count
        ))
        + len(list_filter(
            borders.recency_values, lambda days: places.recency_days <= days
        )) as recency_score,
        case
            when places.is_one_time_buyer then 1
            else
                1
                + len(list_filter(
                    borders.frequency_shares,
                    lambda share: places.frequency_place > share * places.frequency_group_count
                ))
                + len(list_filter(
                    borders.frequency_values, lambda orders: places.order_count >= orders
                ))
        end as frequency_score,
        1
        + len(list_filter(
            borders.monetary_shares, lambda share: places.monetary_place > share * places.buyer_count
        ))
        + len(list_filter(
            borders.monetary_values, lambda amount: places.net_spend_amount >= amount
        )) as monetary_score,
    from places
    cross join borders
),

valued_scores as (
    select
        scores.scored_on,
        scores.customer_id,
        scores.recency_days,
        scores.order_count,
        scores.net_spend_amount,
        scores.is_one_time_buyer,
        scores.recency_score,
        scores.frequency_score,
        scores.monetary_score,
        case
            when scores.is_one_time_buyer then 1
            else (scores.frequency_score + scores.monetary_score + 1) // 2
        end as value_score,
    from scores
)

select
    scores.scored_on, -- Day the scores hold for; nothing later is counted
    scores.customer_id, -- Customer, as known today
    grid.segment, -- champions, loyal, active, new, promising, needs_attention, at_risk, previously_loyal, almost_lost or dormant
    scores.recency_score::integer as recency_score, -- 1 (long ago) to 5 (most recent)
    scores.frequency_score::integer as frequency_score, -- 1 (one purchase) to 5 (most purchases)
    scores.monetary_score::integer as monetary_score, -- 1 (least spent) to 5 (most spent)
    scores.value_score::integer as value_score, -- Mean of frequency and monetary score, rounded up; 1 for a one-time buyer
    scores.recency_days::integer as recency_days, -- Days since the last purchase
    scores.order_count::integer as order_count, -- Purchases up to the day
    scores.net_spend_amount, -- Paid less returns up to the day, in the home currency
    scores.is_one_time_buyer, -- Exactly one purchase up to the day
from valued_scores as scores
inner join insight.rfm_grid as grid
    on
        scores.recency_score = grid.recency_score
        and scores.value_score = grid.value_score
