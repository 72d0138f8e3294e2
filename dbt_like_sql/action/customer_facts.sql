-- One row per customer: everything the conditions and values in actions.yml may speak of.
--
-- The columns of this table are the vocabulary of the catalogue. Permission is not here: it is a
-- gate of its own and no condition can go around it. Amounts are in the home currency.

with

clock as (
    select
        as_of_on,
        time_zone,
    from sources.run_clock
),

customers as (
    select
        profiles.customer_id,
        profiles.kind,
        profiles.country,
        profiles.language,
        profiles.source_count,
    from profiles.golden_profiles as profiles
),

measures as (
    select
        measures.customer_id,
        measures.as_of_on,
        measures.currency,
        measures.favourite_channel,
        measures.favourite_category,
        measures.order_count,
        measures.order_12m_count,
        measures.return_count,
        measures.net_spend_amount,
        measures.net_spend_12m_amount,
        measures.average_order_amount,
        measures.costed_spend_amount,
        measures.margin_amount,
        measures.margin_ratio,
        measures.mean_gap_days,
        measures.recency_days,
        measures.category_count,
        measures.product_count,
        measures.message_sent_12m_count,
        measures.message_opened_12m_count,
        measures.message_clicked_12m_count,
        measures.ticket_12m_count,
        measures.open_ticket_count,
        measures.is_one_time_buyer,
        measures.is_prospect,
        measures.first_seen_on,
        measures.first_order_on,
        measures.last_order_on,
        measures.last_message_on,
    from insight.customer_measures as measures
),

segments as (
    select
        segments.customer_id,
        segments.segment,
        segments.previous_segment,
        segments.recency_score,
        segments.frequency_score,
        segments.monetary_score,
    from insight.rfm_segments as segments
),

churn as (
    select
        churn.customer_id,
        churn.p_churn,
        churn.risk_decile,
        churn.expected_gap_days,
        churn.days_overdue_ratio,
        churn.is_scored,
    from prediction.churn_predictions as churn
),

recommendations as (
    select
        recommended.customer_id,
        min(recommended.product_id) filter (where recommended.rank = 1) as product_id,
        min(recommended.product_id) filter (
            where recommended.is_repeat and recommended.rank_within_kind = 1
        ) as repeat_product_id,
        min(recommended.product_id) filter (
            where not recommended.is_repeat and recommended.rank_within_kind = 1
        ) as new_product_id,
    from prediction.product_recommendations as recommended
    group by recommended.customer_id
),

recent_messages as (
    select
        links.customer_id,
        count(*) as message_30d_count,
    from staging.messages as messages
    inner join identity.identity_map as links
        on
            messages.record_source = links.source
            and messages.record_id = links.record_id
    cross join clock
    where
        not coalesce(messages.is_control, false)
        and ((messages.sent_at at time zone 'UTC') at time zone clock.time_zone)::date
        between clock.as_of_on - 29 and clock.as_of_on
    group by links.customer_id
),

business as (
    select
        count(*) as customer_count,
        median(measures.average_order_amount)::decimal(18, 2) as typical_order_amount,
        (
            sum(measures.margin_amount)::decimal(38, 6)
            / nullif(sum(measures.costed_spend_amount), 0)
        )::decimal(18, 4) as business_margin_ratio,
    from measures
)

select
    customers.customer_id, -- Customer
    measures.as_of_on, -- Day the facts hold for
    measures.currency, -- Currency of all amounts, ISO 4217
    customers.kind, -- person or company
    customers.country, -- Country, ISO 3166-1 alpha-2
    customers.language, -- Language, ISO 639-1
    segments.segment, -- RFM segment
    segments.previous_segment, -- RFM segment in the release before
    buyer_groups.buyer_group, -- What the customer has bought, in the groups responses are measured for
    measures.favourite_channel, -- Channel with most orders
    measures.favourite_category, -- Category with most bought lines
    recommendations.product_id as recommended_product_id, -- Product recommended first; null without recommendations
    recommendations.repeat_product_id as recommended_repeat_product_id, -- Product recommended first among those bought before
    recommendations.new_product_id as recommended_new_product_id, -- Product recommended first among those new to the customer
    customers.source_count, -- Source systems that know the customer
    segments.recency_score, -- 1 to 5
    segments.frequency_score, -- 1 to 5
    segments.monetary_score, -- 1 to 5
    measures.order_count, -- Purchases
    measures.order_12m_count, -- Purchases in the last 12 months
    measures.return_count, -- Orders and receipts with something returned
    measures.category_count, -- Different categories bought
    measures.product_count, -- Different products bought
    measures.net_spend_amount, -- Paid less returns, whole history
    measures.net_spend_12m_amount, -- Paid less returns, last 12 months
    measures.average_order_amount, -- Paid per purchase; null without purchases
    coalesce(measures.average_order_amount, business.typical_order_amount, 0)::decimal(18, 2) as expected_order_amount, -- What one more order would bring: the customer's average, else the typical order
    business.typical_order_amount, -- Median of the customers' average orders; the same on every row
    business.business_margin_ratio, -- Margin of the whole business as a share of spend; null when no cost is known; the same on every row
    measures.margin_ratio, -- The customer's own margin as a share of spend; null when no cost is known
    measures.mean_gap_days, -- Mean days between purchase days
    measures.recency_days, -- Days since the last purchase
    churn.p_churn, -- Probability of no purchase within the horizon; null when not scored
    churn.risk_decile, -- Decile of p_churn as the churn model gives it
    churn.expected_gap_days, -- Days the customer's own rhythm leaves between purchases
    churn.days_overdue_ratio, -- Days since the last purchase as a share of expected_gap_days
    measures.message_sent_12m_count, -- Messages sent, last 12 months
    measures.message_opened_12m_count, -- Of those, opened
    measures.message_clicked_12m_count, -- Of those, clicked
    coalesce(recent_messages.message_30d_count, 0)::integer as message_30d_count, -- Messages sent in the last 30 days, the as-of date included
    measures.ticket_12m_count, -- Service tickets opened, last 12 months
    measures.open_ticket_count, -- Service tickets open now
    business.customer_count::integer as customer_count, -- All customers; the same on every row
    measures.is_one_time_buyer, -- Exactly one purchase
    measures.is_prospect, -- Never bought, and every record says prospect
    coalesce(churn.is_scored, false) as is_churn_scored, -- The churn model has a score for the customer
    measures.first_seen_on, -- Day the oldest record was created
    measures.first_order_on, -- Day of the first purchase
    measures.last_order_on, -- Day of the last purchase
    measures.last_message_on, -- Day of the last message sent
from customers
inner join measures
    on customers.customer_id = measures.customer_id
cross join business
left join segments
    on customers.customer_id = segments.customer_id
left join churn
    on customers.customer_id = churn.customer_id
left join recommendations
    on customers.customer_id = recommendations.customer_id
left join recent_messages
    on customers.customer_id = recent_messages.customer_id
left join action.buyer_groups as buyer_groups
    on
        measures.order_count
        between buyer_groups.order_count_from and buyer_groups.order_count_to
        and coalesce(measures.recency_days, -1)
        between buyer_groups.recency_days_from and buyer_groups.recency_days_to
