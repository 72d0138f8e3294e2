-- One row per cut-off and customer who had bought by then: what was known of the customer on that day.
-- Nothing dated after the cut-off is read, so training and scoring use these same columns. Purchases on
-- one day count once; cancelled orders do not count (as known today: when one was cancelled is not
-- delivered); amounts are in the home currency. Customers without a purchase have no row. A customer's
-- gap is pulled towards everybody's by one imagined purchase, so one-time buyers have one too.
-- A business with more than 150,000 buyers learns from a fixed draw of them: past cut-offs then hold
-- only customers whose hash falls in it (75,000 to 150,000), the scored day always holds everybody.
with clock as (
    select time_zone,
    from sources.run_clock
),

bounds as (
    select max(cutoff_on) as newest_on,
    from prediction.churn_cutoffs
),

orders as (
    select
        orders.customer_id,
        orders.ordered_on,
        orders.channel,
        -- what was paid for goods; what they brought back is taken off at its own day
        orders.net_home_amount - coalesce(orders.return_home_amount, 0) as spent_amount,
    from profiles.orders as orders
    cross join bounds
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_on <= bounds.newest_on
),

order_lines as (
    select
        lines.customer_id,
        lines.ordered_on,
        lines.category,
        lines.line_home_amount,
        lines.discount_amount,
        lines.is_return,
    from profiles.order_lines as lines
    cross join bounds
    where
        lines.status = 'completed'
        and lines.customer_id is not null
        and lines.ordered_on <= bounds.newest_on
),

purchase_days as (
    select
        customer_id,
        ordered_on as day_on,
        sum(spent_amount) as spent_amount,
    from orders
    group by
        customer_id,
        ordered_on
),

sizes as (
    select count(distinct customer_id) as customer_count,
    from purchase_days
),

cutoffs as (
    select
        past.cutoff_on,
        past.horizon_days,
        past.label_until_on,
        -- a customer is in when the first hex digit of its hash is below the border
        case
            when past.role = 'score' or sizes.customer_count <= 150000 then 'g'
            when sizes.customer_count <= 300000 then '8'
            when sizes.customer_count <= 600000 then '4'
            when sizes.customer_count <= 1200000 then '2'
            else '1'
        end as draw_below,
    from prediction.churn_cutoffs as past
    cross join sizes
),

line_days as (
    select
        customer_id,
        ordered_on as day_on,
        count(*) filter (where not is_return) as bought_line_count,
        count(*) filter (where not is_return and discount_amount > 0) as discounted_line_count,
        sum(case when is_return then -line_home_amount else 0 end) as returned_amount,
        count(*) filter (where is_return) as return_line_count,
    from order_lines
    group by
        customer_id,
        ordered_on
),

busy_days as (
    select
        coalesce(purchase_days.customer_id, line_days.customer_id) as customer_id,
        coalesce(purchase_days.day_on, line_days.day_on) as day_on,
        purchase_days.day_on as purchased_on,
        coalesce(purchase_days.spent_amount, 0) as spent_amount,
        coalesce(line_days.bought_line_count, 0) as bought_line_count,
        coalesce(line_days.discounted_line_count, 0) as discounted_line_count,
        coalesce(line_days.returned_amount, 0) as returned_amount,
        coalesce(line_days.return_line_count, 0) as return_line_count,
    from purchase_days
    full outer join line_days
        on
            purchase_days.customer_id = line_days.customer_id
            and purchase_days.day_on = line_days.day_on
),

-- the window comes last, because it leaves a customer's days together for adding them up
days as (
    select
        customer_id,
        left(md5(customer_id), 1) as draw,
        day_on,
        case when purchased_on is null then 0 else 1 end as is_purchase,
        spent_amount,
        purchased_on - lag(purchased_on ignore nulls) over (
            partition by customer_id
            order by day_on
        ) as gap_days,
        bought_line_count,
        discounted_line_count,
        returned_amount,
        return_line_count,
    from busy_days
),

facts as (
    select
        cutoffs.cutoff_on,
        days.customer_id,
        cutoffs.horizon_days,
        sum(days.is_purchase) as purchase_day_count,
        min(days.day_on) filter (where days.is_purchase = 1) as first_ordered_on,
        max(days.day_on) filter (where days.is_purchase = 1) as last_ordered_on,
        sum(cast(days.gap_days as hugeint) * days.gap_days) as squared_gaps,
        -- house: allow ties because there is one row per customer and day
        max_by(days.gap_days, days.day_on) filter (where days.gap_days is not null) as last_gap_days,
        -- house: allow ties because there is one row per customer and day
        max_by(days.spent_amount, days.day_on) filter (where days.is_purchase = 1)
            as last_order_amount,
        sum(days.is_purchase) filter (where days.day_on > cutoffs.cutoff_on - cutoffs.horizon_days)
            as recent_purchase_day_count,
        sum(days.is_purchase)
        filter (where days.day_on > cutoffs.cutoff_on - 2 * cutoffs.horizon_days)
            as double_purchase_day_count,
        sum(days.is_purchase) filter (where days.day_on > cutoffs.cutoff_on - 365)
            as year_purchase_day_count,
        sum(days.spent_amount) as spent_amount,
        sum(days.spent_amount - days.returned_amount)
        filter (where days.day_on > cutoffs.cutoff_on - 365) as year_spend_amount,
        sum(days.bought_line_count) as bought_line_count,
        sum(days.discounted_line_count) as discounted_line_count,
        sum(days.returned_amount) as returned_amount,
        sum(days.return_line_count) filter (where days.day_on > cutoffs.cutoff_on - 365)
            as year_return_line_count,
    from cutoffs
    inner join days
        on
            cutoffs.cutoff_on >= days.day_on
            and cutoffs.draw_below > days.draw
    group by
        cutoffs.cutoff_on,
        days.customer_id,
        cutoffs.horizon_days
    having sum(days.is_purchase) > 0
),

rhythms as (
    select
        cutoff_on,
        -- whole days over whole gaps: exact whatever the order of rows
        cast(sum(last_ordered_on - first_ordered_on) as double)
        / nullif(sum(purchase_day_count - 1), 0) as everybodys_gap_days,
    from facts
    group by cutoff_on
),

first_categories as (
    select
        customer_id,
        category,
        min(ordered_on) as first_on,
    from order_lines
    where
        not is_return
        and category is not null
    group by
        customer_id,
        category
),

first_channels as (
    select
        customer_id,
        channel,
        min(ordered_on) as first_on,
    from orders
    where channel is not null
    group by
        customer_id,
        channel
),

first_events as (
    select
        customer_id,
        first_on,
        'category' as kind,
    from first_categories
    union all
    select
        customer_id,
        first_on,
        'channel' as kind,
    from first_channels
),

first_days as (
    select
        customer_id,
        left(md5(customer_id), 1) as draw,
        first_on,
        count(*) filter (where kind = 'category') as category_count,
        count(*) filter (where kind = 'channel') as channel_count,
    from first_events
    group by
        customer_id,
        first_on
),

breadth as (
    select
        cutoffs.cutoff_on,
        first_days.customer_id,
        sum(first_days.category_count) as category_count,
        sum(first_days.channel_count) as channel_count,
    from cutoffs
    inner join first_days
        on
            cutoffs.cutoff_on >= first_days.first_on
            and cutoffs.draw_below > first_days.draw
    group by
        cutoffs.cutoff_on,
        first_days.customer_id
),

messages as (
    select
        identity_map.customer_id,
        cast(timezone(clock.time_zone, timezone('UTC', messages.sent_at)) as date) as sent_on,
        cast(timezone(clock.time_zone, timezone('UTC', messages.opened_at)) as date) as opened_on,
        cast(timezone(clock.time_zone, timezone('UTC', messages.clicked_at)) as date) as clicked_on,
    from staging.messages as messages
    inner join identity.identity_map as identity_map
        on
            messages.record_source = identity_map.source
            and messages.record_id = identity_map.record_id
    cross join clock
    where not coalesce(messages.is_control, false)
),

message_events as (
    select
        customer_id,
        sent_on as day_on,
        'sent' as kind,
    from messages
    union all
    select
        customer_id,
        opened_on as day_on,
        'opened' as kind,
    from messages
    where opened_on is not null
    union all
    select
        customer_id,
        clicked_on as day_on,
        'clicked' as kind,
    from messages
    where clicked_on is not null
),

message_days as (
    select
        customer_id,
        left(md5(customer_id), 1) as draw,
        day_on,
        count(*) filter (where kind = 'sent') as message_count,
        count(*) filter (where kind = 'opened') as opened_message_count,
        count(*) filter (where kind = 'clicked') as clicked_message_count,
    from message_events
    group by
        customer_id,
        day_on
),

engagement as (
    select
        cutoffs.cutoff_on,
        message_days.customer_id,
        sum(message_days.message_count) as message_count,
        sum(message_days.opened_message_count) as opened_message_count,
        sum(message_days.clicked_message_count) as clicked_message_count,
    from cutoffs
    inner join message_days
        on
            cutoffs.cutoff_on >= message_days.day_on
            and message_days.day_on > cutoffs.cutoff_on - 180
            and cutoffs.draw_below > message_days.draw
    group by
        cutoffs.cutoff_on,
        message_days.customer_id
),

tickets as (
    select
        identity_map.customer_id,
        cast(timezone(clock.time_zone, timezone('UTC', tickets.opened_at)) as date) as opened_on,
        cast(timezone(clock.time_zone, timezone('UTC', tickets.closed_at)) as date) as closed_on,
    from staging.tickets as tickets
    inner join identity.identity_map as identity_map
        on
            tickets.record_source = identity_map.source
            and tickets.record_id = identity_map.record_id
    cross join clock
),

service as (
    select
        cutoffs.cutoff_on,
        tickets.customer_id,
        count(*) as ticket_count,
        -- today's status would tell the past what came later: only the dates count
        count(*) filter (where tickets.closed_on is null or tickets.closed_on > cutoffs.cutoff_on)
            as open_ticket_count,
    from cutoffs
    inner join tickets
        on
            cutoffs.cutoff_on >= tickets.opened_on
            and tickets.opened_on > cutoffs.cutoff_on - 365
    group by
        cutoffs.cutoff_on,
        tickets.customer_id
),

buyers_after as (
    select
        cutoffs.cutoff_on,
        purchase_days.customer_id,
        count(*) as purchase_day_count,
    from cutoffs
    inner join purchase_days
        on
            cutoffs.cutoff_on < purchase_days.day_on
            and cutoffs.label_until_on >= purchase_days.day_on
    group by
        cutoffs.cutoff_on,
        purchase_days.customer_id
),

spans as (
    select
        facts.*,
        facts.cutoff_on - facts.last_ordered_on as recency_days,
        facts.cutoff_on - facts.first_ordered_on as tenure_days,
        facts.last_ordered_on - facts.first_ordered_on as active_span_days,
        facts.purchase_day_count - 1 as repeat_count,
        (
            facts.last_ordered_on - facts.first_ordered_on
            + coalesce(rhythms.everybodys_gap_days, facts.horizon_days)
        ) / facts.purchase_day_count as expected_gap_days,
        case
            when facts.purchase_day_count >= 3
                then
                    -- whole numbers up to the root, so that the order of rows cannot matter
                    sqrt(
                        cast(
                            facts.squared_gaps * (facts.purchase_day_count - 1)
                            - (facts.last_ordered_on - facts.first_ordered_on)
                            * (facts.last_ordered_on - facts.first_ordered_on)
                            as double
                        )
                    ) / (facts.purchase_day_count - 1)
        end as gap_deviation_days,
    from facts
    inner join rhythms
        on facts.cutoff_on = rhythms.cutoff_on
)

select
    spans.cutoff_on, -- The last day whose facts are read.
    spans.customer_id, -- The customer.
    cast(spans.horizon_days as integer) as horizon_days, -- Days after the cut-off that decide.
    cast(spans.recency_days as integer) as recency_days, -- Days since the last purchase.
    cast(spans.tenure_days as integer) as tenure_days, -- Days since the first purchase.
    cast(spans.active_span_days as integer) as active_span_days, -- Days from the first to the last purchase.
    cast(spans.repeat_count as integer) as repeat_count, -- Purchase days after the first.
    cast(spans.last_gap_days as integer) as last_gap_days, -- Days between the last two purchases; null for one-time buyers.
    cast(coalesce(spans.recent_purchase_day_count, 0) as integer) as recent_purchase_day_count, -- Purchase days in the last horizon_days.
    cast(coalesce(spans.double_purchase_day_count, 0) - coalesce(spans.recent_purchase_day_count, 0) as integer) as earlier_purchase_day_count, -- Purchase days in the horizon_days before those.
    cast(coalesce(spans.year_purchase_day_count, 0) as integer) as year_purchase_day_count, -- Purchase days in the last 365 days.
    cast(coalesce(breadth.category_count, 0) as integer) as category_count, -- Product categories ever bought from.
    cast(coalesce(breadth.channel_count, 0) as integer) as channel_count, -- Channels ever bought through.
    cast(coalesce(spans.year_return_line_count, 0) as integer) as year_return_line_count, -- Lines returned in the last 365 days.
    cast(coalesce(engagement.message_count, 0) as integer) as message_count, -- Messages sent in the last 180 days, control groups left out.
    cast(coalesce(engagement.opened_message_count, 0) as integer) as opened_message_count, -- Messages opened in the last 180 days.
    cast(coalesce(engagement.clicked_message_count, 0) as integer) as clicked_message_count, -- Messages clicked in the last 180 days.
    cast(coalesce(service.ticket_count, 0) as integer) as ticket_count, -- Tickets opened in the last 365 days.
    cast(coalesce(service.open_ticket_count, 0) as integer) as open_ticket_count, -- Of these, not closed on the cut-off.
    cast(coalesce(spans.year_spend_amount, 0) as decimal(18, 2)) as year_spend_amount, -- Spent in the last 365 days, returns taken off, home currency.
    cast(spans.spent_amount as decimal(18, 2)) as spent_amount, -- Spent ever, returns not taken off, home currency.
    cast(spans.last_order_amount as decimal(18, 2)) as last_order_amount, -- Spent on the last purchase day, home currency.
    round(cast(spans.spent_amount as double) / spans.purchase_day_count, 4) as mean_order_amount, -- Spent per purchase day, home currency.
    round(spans.expected_gap_days, 4) as expected_gap_days, -- Days this customer usually lets pass between purchases, pulled towards everybody's.
    round(spans.recency_days / spans.expected_gap_days, 6) as days_overdue_ratio, -- recency_days over expected_gap_days: above 1 is overdue.
    round(spans.gap_deviation_days, 4) as gap_deviation_days, -- Standard deviation of the gaps between purchases; null below two gaps.
    round(cast(spans.discounted_line_count as double) / nullif(spans.bought_line_count, 0), 6) as discounted_line_ratio, -- Share of the lines bought that were discounted; null without lines.
    round(cast(spans.returned_amount as double) / nullif(cast(spans.spent_amount as double), 0), 6) as return_ratio, -- Returned over spent, both ever; null when nothing was spent.
    case
        when cutoffs.label_until_on is not null then buyers_after.customer_id is not null
    end as has_purchase_in_horizon, -- The outcome: bought within the horizon; null for the scored day. No feature.
from spans
inner join cutoffs
    on spans.cutoff_on = cutoffs.cutoff_on
left join breadth
    on
        spans.cutoff_on = breadth.cutoff_on
        and spans.customer_id = breadth.customer_id
left join engagement
    on
        spans.cutoff_on = engagement.cutoff_on
        and spans.customer_id = engagement.customer_id
left join service
    on
        spans.cutoff_on = service.cutoff_on
        and spans.customer_id = service.customer_id
left join buyers_after
    on
        spans.cutoff_on = buyers_after.cutoff_on
        and spans.customer_id = buyers_after.customer_id
