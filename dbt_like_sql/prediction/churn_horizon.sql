-- One row per run: how many days without a purchase count as churn in this business.
-- It is the customers' own rhythm: four in five repeat purchases of the last two years came within
-- gap_days_p80, and the horizon is the usual period nearest to that by ratio (7, 14, 30, 60, 90, 180,
-- 365 days). A third of the history is the upper bound, because one horizon is watched, one trains and
-- one judges. Fewer than 30 repeat purchases say nothing about a rhythm: then 90 days, bounded the same.
-- A business that knows its horizon puts a file of this name into its own home that selects it.
with clock as (
    select as_of_on,
    from sources.run_clock
),

purchase_days as (
    select
        orders.customer_id,
        orders.ordered_on,
    from profiles.orders as orders
    cross join clock
    where
        orders.is_purchase
        and orders.customer_id is not null
        and orders.ordered_on <= clock.as_of_on
    group by
        orders.customer_id,
        orders.ordered_on
),

history as (
    select
        min(ordered_on) as first_ordered_on,
        max(ordered_on) as last_ordered_on,
        count(*) as purchase_day_count,
    from purchase_days
),

days_with_gap as (
    select
        ordered_on,
        ordered_on
        - lag(ordered_on) over (partition by customer_id order by ordered_on) as gap_days,
    from purchase_days
),

ranked_gaps as (
    select
        days_with_gap.gap_days,
        cume_dist() over (order by days_with_gap.gap_days) as share,
    from days_with_gap
    cross join history
    where
        days_with_gap.gap_days is not null
        and days_with_gap.ordered_on > history.last_ordered_on - 730
),

gaps as (
    select
        count(*) as gap_count,
        min(gap_days) filter (where share >= 0.5) as gap_days_p50,
        min(gap_days) filter (where share >= 0.8) as gap_days_p80,
    from ranked_gaps
),

wishes as (
    select
        clock.as_of_on,
        history.first_ordered_on,
        history.last_ordered_on,
        gaps.gap_count,
        gaps.gap_days_p50,
        gaps.gap_days_p80,
        history.last_ordered_on - history.first_ordered_on as history_days,
        -- the borders are the geometric means of neighbouring periods
        case
            when gaps.gap_count < 30 then 90
            when gaps.gap_days_p80 < 9.9 then 7
            when gaps.gap_days_p80 < 20.5 then 14
            when gaps.gap_days_p80 < 42.4 then 30
            when gaps.gap_days_p80 < 73.5 then 60
            when gaps.gap_days_p80 < 127.3 then 90
            when gaps.gap_days_p80 < 256.3 then 180
            else 365
        end as wished_days,
    from clock
    cross join history
    cross join gaps
),

bounds as (
    select
        *,
        case
            when history_days >= 1095 then 365
            when history_days >= 540 then 180
            when history_days >= 270 then 90
            when history_days >= 180 then 60
            when history_days >= 90 then 30
            when history_days >= 42 then 14
            else 7
        end as bound_days,
    from wishes
)

select
    as_of_on, -- The day the run stands on; nothing later is read.
    cast(least(wished_days, bound_days) as integer) as horizon_days, -- Days after a cut-off within which a purchase must come, or the customer has churned.
    case
        when bound_days < wished_days then 'history'
        when gap_count < 30 then 'default'
        else 'rhythm'
    end as basis, -- What decided: rhythm (gaps between purchases), history (too short for the rhythm) or default (too few repeat purchases).
    cast(gap_count as bigint) as gap_count, -- Gaps between a customer's purchase days in the last two years.
    cast(gap_days_p50 as bigint) as gap_days_p50, -- Days within which half of the repeat purchases came; null without any.
    cast(gap_days_p80 as bigint) as gap_days_p80, -- Days within which four in five repeat purchases came; null without any.
    first_ordered_on, -- First purchase day known; null without any purchase.
    last_ordered_on, -- Last purchase day up to as_of_on; null without any purchase.
    cast(history_days as bigint) as history_days, -- Days from the first to the last purchase day.
from bounds
