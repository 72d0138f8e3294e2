-- One row per campaign: what is credited to it by touch, beside what its control group proves.
--
-- Credit (first, last and linear touch, see campaign_credits) is no proof that the campaign caused
-- anything, and the three are never to be added up. The lift is (see campaign_lifts); without a
-- control group nothing is said about it, and lift_basis says so.

with

clock as (
    select
        run_clock.as_of_on,
        run_clock.home_currency,
        settings.value as window_days,
    from sources.run_clock as run_clock
    cross join insight.settings as settings
    where settings.setting = 'attribution_window_days'
),

declared_campaigns as (
    select
        campaigns.campaign_id,
        campaigns.campaign_name,
        campaigns.channel,
        campaigns.started_on,
        campaigns.ended_on,
        campaigns.cost_amount,
        campaigns.currency as cost_currency,
    from staging.campaigns as campaigns
),

credits as (
    select
        credits.campaign_id,
        credits.touched_customer_count,
        credits.first_touch_order_count,
        credits.first_touch_spend_amount,
        credits.last_touch_order_count,
        credits.last_touch_spend_amount,
        credits.linear_touch_order_count,
        credits.linear_touch_spend_amount,
    from insight.campaign_credits as credits
),

lifts as (
    select
        lifts.campaign_id,
        lifts.channel,
        lifts.sent_count,
        lifts.opened_customer_count,
        lifts.clicked_customer_count,
        lifts.held_back_customer_count,
        lifts.mixed_customer_count,
        lifts.treated_count,
        lifts.control_count,
        lifts.treated_buyer_ratio,
        lifts.control_buyer_ratio,
        lifts.lift_ratio,
        lifts.lift_ratio_low,
        lifts.lift_ratio_high,
        lifts.spend_lift_amount,
        lifts.spend_lift_margin_amount,
        lifts.first_sent_on,
        lifts.last_sent_on,
    from insight.campaign_lifts as lifts
),

campaigns as (
    select declared_campaigns.campaign_id,
    from declared_campaigns
    union
    select credits.campaign_id,
    from credits
    union
    select lifts.campaign_id,
    from lifts
),

dated_campaigns as (
    select
        campaigns.campaign_id,
        declared_campaigns.campaign_name,
        coalesce(declared_campaigns.channel, lifts.channel) as channel,
        coalesce(declared_campaigns.started_on, lifts.first_sent_on) as started_on,
        coalesce(declared_campaigns.ended_on, lifts.last_sent_on) as ended_on,
        declared_campaigns.cost_amount,
        declared_campaigns.cost_currency,
    from campaigns
    left join declared_campaigns
        on campaigns.campaign_id = declared_campaigns.campaign_id
    left join lifts
        on campaigns.campaign_id = lifts.campaign_id
),

-- the newest rate on or before the first day, as for orders
cost_rates as (
    select
        dated_campaigns.campaign_id,
        rates.rate,
        row_number() over (
            partition by dated_campaigns.campaign_id
            order by rates.rate_on desc
        ) as place,
    from dated_campaigns
    cross join clock
    inner join staging.exchange_rates as rates
        on
            dated_campaigns.cost_currency = rates.from_currency
            and clock.home_currency = rates.to_currency
            and dated_campaigns.started_on >= rates.rate_on
    where rates.rate > 0
)

select
    dated.campaign_id, -- Campaign
    dated.campaign_name, -- Its name; null when only messages tell of it
    dated.channel, -- Channel of the campaign, else of its messages
    clock.home_currency as currency, -- Currency of all amounts, ISO 4217
    clock.window_days::integer as window_days, -- Days after a touch in which a purchase counts
    coalesce(lifts.sent_count, 0)::integer as sent_count, -- Messages sent
    coalesce(credits.touched_customer_count, 0)::integer as touched_customer_count, -- Customers with a message, offer or visit of it
    coalesce(lifts.opened_customer_count, 0)::integer as opened_customer_count, -- Customers who opened a message
    coalesce(lifts.clicked_customer_count, 0)::integer as clicked_customer_count, -- Customers who clicked in a message
    round(
        dated.cost_amount::decimal(38, 2)
        * case when dated.cost_currency = clock.home_currency then 1 else cost_rates.rate end,
        2
    )::decimal(18, 2) as cost_amount, -- Cost of the campaign at the rate of its first day; null when unknown
    coalesce(credits.first_touch_order_count, 0)::decimal(18, 4) as first_touch_order_count, -- Purchases whose first touch in the window it was
    coalesce(credits.first_touch_spend_amount, 0)::decimal(18, 2) as first_touch_spend_amount, -- What was paid for them
    coalesce(credits.last_touch_order_count, 0)::decimal(18, 4) as last_touch_order_count, -- Purchases whose last touch before the purchase it was
    coalesce(credits.last_touch_spend_amount, 0)::decimal(18, 2) as last_touch_spend_amount, -- What was paid for them
    coalesce(credits.linear_touch_order_count, 0)::decimal(18, 4) as linear_touch_order_count, -- Its equal part of every purchase it touched
    coalesce(credits.linear_touch_spend_amount, 0)::decimal(18, 2) as linear_touch_spend_amount, -- Its equal part of what was paid for them
    case
        when lifts.lift_ratio is not null then 'control_group'
        when coalesce(lifts.held_back_customer_count, 0) = 0 then 'no_control_group'
        else 'not_over'
    end as lift_basis, -- control_group, no_control_group, or not_over: the window of one arm is still open
    coalesce(lifts.treated_count, 0)::integer as treated_customer_count, -- Customers who were sent it and whose window is over
    coalesce(lifts.control_count, 0)::integer as control_customer_count, -- Customers held back by chance whose window is over
    coalesce(lifts.mixed_customer_count, 0)::integer as mixed_customer_count, -- Customers in both arms, left out of the lift
    lifts.treated_buyer_ratio, -- Share of the treated who bought in the window
    lifts.control_buyer_ratio, -- Share of the control group who did
    (1000 * lifts.lift_ratio)::decimal(18, 3) as lift_per_1000, -- Buyers more per 1,000 customers contacted, because of the campaign
    (1000 * lifts.lift_ratio_low)::decimal(18, 3) as lift_per_1000_low, -- Lower end of its 95 % interval
    (1000 * lifts.lift_ratio_high)::decimal(18, 3) as lift_per_1000_high, -- Upper end of its 95 % interval
    (lifts.lift_ratio * lifts.treated_count)::decimal(18, 2) as incremental_buyer_count, -- lift_per_1000 times the treated
    (lifts.spend_lift_amount * lifts.treated_count)::decimal(18, 2) as incremental_spend_amount, -- What the treated paid more because of the campaign
    (
        (lifts.spend_lift_amount - lifts.spend_lift_margin_amount) * lifts.treated_count
    )::decimal(18, 2) as incremental_spend_amount_low, -- Lower end of its 95 % interval
    (
        (lifts.spend_lift_amount + lifts.spend_lift_margin_amount) * lifts.treated_count
    )::decimal(18, 2) as incremental_spend_amount_high, -- Upper end of its 95 % interval
    case
        when lifts.lift_ratio_low > 0 then 'more'
        when lifts.lift_ratio_high < 0 then 'fewer'
        when lifts.lift_ratio is not null then 'not_proven'
    end as lift_verdict, -- more or fewer buyers when the interval leaves out zero, else not_proven; null without a comparison
    dated.started_on, -- First day of the campaign, else of its messages
    dated.ended_on, -- Last day of the campaign, else of its messages
from dated_campaigns as dated
cross join clock
left join credits
    on dated.campaign_id = credits.campaign_id
left join lifts
    on dated.campaign_id = lifts.campaign_id
left join cost_rates
    on
        dated.campaign_id = cost_rates.campaign_id
        and cost_rates.place = 1
