-- One row per pair of segments: how many customers came from the one into the other in the period.
--
-- The period ends on the as-of date and is rfm_migration_days long. Both segments are by today's
-- facts, customers and rules, so a late file or a merged customer is no migration. Customers whom
-- nobody knew at the start come from not_yet_known. Pairs without a customer have no row.

with

current_segments as (
    select
        segments.customer_id,
        segments.segment,
        segments.monetary_amount,
        segments.currency,
        segments.as_of_on,
    from insight.rfm_segments as segments
),

past_scores as (
    select
        scores.customer_id,
        scores.scored_on,
        scores.segment,
        scores.net_spend_amount,
    from insight.rfm_scores as scores
),

periods as (
    select
        run_clock.as_of_on,
        run_clock.as_of_on - settings.value as past_on,
    from sources.run_clock as run_clock
    cross join insight.settings as settings
    where settings.setting = 'rfm_migration_days'
),

customers as (
    select
        measures.customer_id,
        least(measures.first_seen_on, measures.first_order_on) as first_known_on,
    from insight.customer_measures as measures
),

moves as (
    select
        case
            when past_scores.segment is not null then past_scores.segment
            when customers.first_known_on <= periods.past_on then 'prospects'
            else 'not_yet_known'
        end as from_segment,
        current_segments.segment as to_segment,
        periods.past_on,
        current_segments.as_of_on,
        current_segments.currency,
        current_segments.monetary_amount - coalesce(past_scores.net_spend_amount, 0) as spend_amount,
    from current_segments
    cross join periods
    inner join customers
        on current_segments.customer_id = customers.customer_id
    left join past_scores
        on
            current_segments.customer_id = past_scores.customer_id
            and periods.past_on = past_scores.scored_on
),

counted_moves as (
    select
        moves.from_segment,
        moves.to_segment,
        moves.past_on,
        moves.as_of_on,
        moves.currency,
        count(*) as customer_count,
        sum(moves.spend_amount) as spend_amount,
    from moves
    group by all
)

select
    counted_moves.from_segment, -- Segment at the start of the period, or not_yet_known
    counted_moves.to_segment, -- Segment on the as-of date
    counted_moves.past_on as from_on, -- Start of the period
    counted_moves.as_of_on as to_on, -- End of the period
    counted_moves.currency, -- Currency of the amounts, ISO 4217
    counted_moves.customer_count::integer as customer_count, -- Customers who went this way, or stayed where the two are the same
    (
        counted_moves.customer_count::decimal(18, 6)
        / sum(counted_moves.customer_count) over (partition by counted_moves.from_segment)
    )::decimal(18, 6) as from_ratio, -- As a share of the customers who were in from_segment
    counted_moves.spend_amount::decimal(18, 2) as spend_amount, -- What they paid less returns within the period
    counted_moves.from_segment = counted_moves.to_segment as is_unchanged, -- The customers stayed
from counted_moves
