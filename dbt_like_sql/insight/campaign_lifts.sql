-- One row per campaign with messages: how many more bought because of it, by its control group.
--
-- In the same days after the (would-be) message: the share of buyers among those who were sent it,
-- less that among those held back by chance. Customers found in both arms, after a merge, are left
-- out, and so are those whose window is not over. Without a control group the lift is null. Intervals are
-- 95 %: Newcombe's for shares, the normal one for spend. Messages without a campaign or without a
-- known customer are not in it.

with

clock as (
    select
        run_clock.as_of_on,
        settings.value as window_days,
    from sources.run_clock as run_clock
    cross join insight.settings as settings
    where settings.setting = 'attribution_window_days'
),

messages as (
    select
        messages.customer_id,
        messages.campaign_id,
        messages.channel,
        messages.is_control,
        messages.sent_on,
        messages.sent_at,
        messages.opened_at,
        messages.clicked_at,
        clock.window_days,
        messages.sent_on + clock.window_days <= clock.as_of_on as is_window_over,
    from profiles.messages as messages
    cross join clock
    where
        messages.campaign_id is not null
        and messages.customer_id is not null
        and messages.sent_on <= clock.as_of_on
),

purchases as (
    select
        orders.source,
        orders.order_id,
        orders.customer_id,
        orders.ordered_at,
        coalesce(orders.net_home_amount, 0) as spend_amount,
    from profiles.orders as orders
    cross join clock
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_on <= clock.as_of_on
),

-- one row per customer and campaign, counted from the first message that was or would have been sent
campaign_customers as (
    select
        messages.campaign_id,
        messages.customer_id,
        bool_or(messages.is_control) as has_control,
        bool_or(not messages.is_control) as has_sent,
        bool_and(messages.is_window_over) as is_window_over,
        min(messages.sent_at) as first_sent_at,
        min(messages.sent_on) as first_sent_on,
        max(messages.sent_on) as last_sent_on,
        count(*) filter (where not messages.is_control) as sent_count,
        count(messages.opened_at) filter (where not messages.is_control) > 0 as has_opened,
        count(messages.clicked_at) filter (where not messages.is_control) > 0 as has_clicked,
        -- the smallest word is as good as any where a campaign has several channels
        min(messages.channel) as channel,
        max(messages.window_days) as window_days,
    from messages
    group by all
),

responses as (
    select
        campaign_customers.campaign_id,
        campaign_customers.customer_id,
        count(*) as order_count,
        sum(purchases.spend_amount) as spend_amount,
    from campaign_customers
    inner join purchases
        on campaign_customers.customer_id = purchases.customer_id
    where
        purchases.ordered_at > campaign_customers.first_sent_at
        and purchases.ordered_at
        <= campaign_customers.first_sent_at + to_days(campaign_customers.window_days)
    group by all
),

judged_customers as (
    select
        campaign_customers.campaign_id,
        campaign_customers.channel,
        campaign_customers.has_control,
        campaign_customers.has_sent,
        campaign_customers.has_control
        and not campaign_customers.has_sent
        and campaign_customers.is_window_over as is_in_control,
        campaign_customers.has_sent
        and not campaign_customers.has_control
        and campaign_customers.is_window_over as is_in_treated,
        campaign_customers.first_sent_on,
        campaign_customers.last_sent_on,
        campaign_customers.sent_count,
        campaign_customers.has_opened,
        campaign_customers.has_clicked,
        coalesce(responses.order_count, 0) > 0 as has_bought,
        coalesce(responses.spend_amount, 0)::decimal(18, 2) as spend_amount,
    from campaign_customers
    left join responses
        on
            campaign_customers.campaign_id = responses.campaign_id
            and campaign_customers.customer_id = responses.customer_id
),

arms as (
    select
        judged.campaign_id,
        min(judged.channel) as channel,
        min(judged.first_sent_on) as first_sent_on,
        max(judged.last_sent_on) as last_sent_on,
        sum(judged.sent_count) as sent_count,
        count(*) filter (where judged.has_sent) as sent_customer_count,
        count(*) filter (where judged.has_opened) as opened_customer_count,
        count(*) filter (where judged.has_clicked) as clicked_customer_count,
        count(*) filter (where judged.has_control and judged.has_sent) as mixed_customer_count,
        count(*) filter (where judged.has_control) as held_back_customer_count,
        count(*) filter (where judged.is_in_treated) as treated_count,
        count(*) filter (where judged.is_in_control) as control_count,
        count(*) filter (where judged.is_in_treated and judged.has_bought) as treated_buyer_count,
        count(*) filter (where judged.is_in_control and judged.has_bought) as control_buyer_count,
        sum(judged.spend_amount) filter (where judged.is_in_treated) as treated_spend_amount,
        sum(judged.spend_amount) filter (where judged.is_in_control) as control_spend_amount,
        sum(judged.spend_amount::decimal(19, 2) * judged.spend_amount::decimal(19, 2)) filter (
            where judged.is_in_treated
        ) as treated_square_sum,
        sum(judged.spend_amount::decimal(19, 2) * judged.spend_amount::decimal(19, 2)) filter (
            where judged.is_in_control
        ) as control_square_sum,
    from judged_customers as judged
    group by judged.campaign_id
),

shares as (
    select
        arms.campaign_id,
        arms.treated_count::double as treated_count,
        arms.control_count::double as control_count,
        arms.treated_buyer_count::double / arms.treated_count as treated_share,
        arms.control_buyer_count::double / arms.control_count as control_share,
        arms.treated_spend_amount::double / arms.treated_count as treated_mean_amount,
        arms.control_spend_amount::double / arms.control_count as control_mean_amount,
        arms.treated_square_sum::double / arms.treated_count as treated_mean_square,
        arms.control_square_sum::double / arms.control_count as control_mean_square,
        1.959964::double as z,
    from arms
    where
        arms.treated_count > 0
        and arms.control_count > 0
),

-- Wilson's interval of each share, and the standard error of the difference in spend
wilson_intervals as (
    select
        shares.campaign_id,
        shares.treated_count,
        shares.treated_share,
        shares.control_share,
        shares.treated_share - shares.control_share as difference,
        (
            shares.treated_share + shares.z * shares.z / (2 * shares.treated_count)
            - shares.z * sqrt(
                shares.treated_share * (1 - shares.treated_share) / shares.treated_count
                + shares.z * shares.z / (4 * shares.treated_count * shares.treated_count)
            )
        ) / (1 + shares.z * shares.z / shares.treated_count) as treated_low,
        (
            shares.treated_share + shares.z * shares.z / (2 * shares.treated_count)
            + shares.z * sqrt(
                shares.treated_share * (1 - shares.treated_share) / shares.treated_count
                + shares.z * shares.z / (4 * shares.treated_count * shares.treated_count)
            )
        ) / (1 + shares.z * shares.z / shares.treated_count) as treated_high,
        (
            shares.control_share + shares.z * shares.z / (2 * shares.control_count)
            - shares.z * sqrt(
                shares.control_share * (1 - shares.control_share) / shares.control_count
                + shares.z * shares.z / (4 * shares.control_count * shares.control_count)
            )
        ) / (1 + shares.z * shares.z / shares.control_count) as control_low,
        (
            shares.control_share + shares.z * shares.z / (2 * shares.control_count)
            + shares.z * sqrt(
                shares.control_share * (1 - shares.control_share) / shares.control_count
                + shares.z * shares.z / (4 * shares.control_count * shares.control_count)
            )
        ) / (1 + shares.z * shares.z / shares.control_count) as control_high,
        shares.treated_mean_amount - shares.control_mean_amount as mean_difference_amount,
        -- two of an arm are the least that a spread can be told from
        case
            when least(shares.treated_count, shares.control_count) > 1
                then
                    shares.z * sqrt(
                        greatest(
                            shares.treated_mean_square
                            - shares.treated_mean_amount * shares.treated_mean_amount,
                            0
                        ) / (shares.treated_count - 1)
                        + greatest(
                            shares.control_mean_square
                            - shares.control_mean_amount * shares.control_mean_amount,
                            0
                        ) / (shares.control_count - 1)
                    )
        end as mean_margin_amount,
    from shares
),

lifts as (
    select
        wilson.campaign_id,
        wilson.treated_count,
        wilson.treated_share,
        wilson.control_share,
        wilson.difference,
        wilson.difference - sqrt(
            (wilson.treated_share - wilson.treated_low) * (wilson.treated_share - wilson.treated_low)
            + (wilson.control_high - wilson.control_share)
            * (wilson.control_high - wilson.control_share)
        ) as difference_low,
        wilson.difference + sqrt(
            (wilson.treated_high - wilson.treated_share)
            * (wilson.treated_high - wilson.treated_share)
            + (wilson.control_share - wilson.control_low)
            * (wilson.control_share - wilson.control_low)
        ) as difference_high,
        wilson.mean_difference_amount,
        wilson.mean_margin_amount,
    from wilson_intervals as wilson
)

select
    arms.campaign_id, -- Campaign
    arms.channel, -- Channel of its messages; the first by name where there are several
    arms.sent_count::integer as sent_count, -- Messages sent
    arms.sent_customer_count::integer as sent_customer_count, -- Customers they were sent to
    arms.opened_customer_count::integer as opened_customer_count, -- Customers who opened one
    arms.clicked_customer_count::integer as clicked_customer_count, -- Customers who clicked in one
    arms.held_back_customer_count::integer as held_back_customer_count, -- Customers of the control group
    arms.mixed_customer_count::integer as mixed_customer_count, -- Customers found in both arms, left out of the comparison
    arms.treated_count::integer as treated_count, -- Customers who were sent it and whose window is over
    arms.control_count::integer as control_count, -- Customers held back and whose window is over
    lifts.treated_share::decimal(18, 6) as treated_buyer_ratio, -- Share of the treated who bought in the window; null without both arms
    lifts.control_share::decimal(18, 6) as control_buyer_ratio, -- Share of the control group who did
    lifts.difference::decimal(18, 6) as lift_ratio, -- The one less the other
    lifts.difference_low::decimal(18, 6) as lift_ratio_low, -- Lower end of its 95 % interval
    lifts.difference_high::decimal(18, 6) as lift_ratio_high, -- Upper end of its 95 % interval
    lifts.mean_difference_amount::decimal(18, 4) as spend_lift_amount, -- Spend per treated customer less that per held back one, in the home currency
    lifts.mean_margin_amount::decimal(18, 4) as spend_lift_margin_amount, -- Half the width of its 95 % interval; null with fewer than two in an arm
    arms.first_sent_on, -- Day of the first message
    arms.last_sent_on, -- Day of the last message
from arms
left join lifts
    on arms.campaign_id = lifts.campaign_id
