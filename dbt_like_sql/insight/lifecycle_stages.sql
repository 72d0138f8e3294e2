-- One row per customer: the stage of their life as a customer, since when, and the stage before.
--
-- Judged by the customer's own rhythm: their expected gap is the mean of their own gaps between
-- purchase days and of a few gaps as long as the usual customer's (insight.yml), as known at their
-- last purchase. Stages: prospect (never bought), new (one purchase day), active, loyal (several
-- purchase days without a lapse), slipping and lapsed (silent for longer than their rhythm lets
-- expect), won_back (came back from a lapse, until they buy again). entered_on comes from the facts
-- alone, so a run missed or made twice changes nothing; it can move by days when the usual gap of
-- all customers does.

with

clock as (
    select run_clock.as_of_on,
    from sources.run_clock as run_clock
),

rules as (
    select
        max(settings.value) filter (where settings.setting = 'lifecycle_usual_gap_weight')
            as usual_gap_weight,
        max(settings.value) filter (where settings.setting = 'lifecycle_default_gap_days')
            as default_gap_days,
        max(settings.value) filter (where settings.setting = 'lifecycle_slipping_after_gaps')
            as slipping_after_gaps,
        max(settings.value) filter (where settings.setting = 'lifecycle_lapsed_after_gaps')
            as lapsed_after_gaps,
        max(settings.value) filter (where settings.setting = 'lifecycle_slipping_days_least')
            as slipping_days_least,
        max(settings.value) filter (where settings.setting = 'lifecycle_lapsed_days_least')
            as lapsed_days_least,
        max(settings.value) filter (where settings.setting = 'lifecycle_loyal_purchase_days')
            as loyal_purchase_days,
    from insight.settings as settings
),

customers as (
    select
        profiles.customer_id,
        profiles.first_seen_on,
    from profiles.golden_profiles as profiles
),

-- two purchases on one day are one visit
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
    group by all
),

mean_gaps as (
    select
        purchase_days.customer_id,
        (
            (max(purchase_days.ordered_on) - min(purchase_days.ordered_on))::double
            / (count(*) - 1)
        )::decimal(18, 6) as mean_gap_days,
    from purchase_days
    group by purchase_days.customer_id
    having count(*) > 1
),

-- every customer counts once, whoever buys daily does not set everybody's rhythm
usual_gap as (
    select
        coalesce(
            greatest(round(sum(mean_gaps.mean_gap_days)::double / count(*)), 1)::integer,
            max(rules.default_gap_days)
        ) as gap_days,
    from rules
    left join mean_gaps
        on true
),

numbered_days as (
    select
        purchase_days.customer_id,
        purchase_days.ordered_on,
        row_number() over in_order as day_number,
        purchase_days.ordered_on - min(purchase_days.ordered_on) over in_order as known_days,
        purchase_days.ordered_on - lag(purchase_days.ordered_on) over in_order as gap_days,
    from purchase_days
    window in_order as (
        partition by purchase_days.customer_id
        order by purchase_days.ordered_on
    )
),

-- in whole numbers, rounded up: usual_gap_weight usual gaps and the own ones, over their number
expected_days as (
    select
        numbered_days.customer_id,
        numbered_days.ordered_on,
        numbered_days.day_number,
        numbered_days.gap_days,
        rules.loyal_purchase_days,
        rules.usual_gap_weight * usual_gap.gap_days + numbered_days.known_days as gaps_sum,
        rules.usual_gap_weight + numbered_days.day_number - 1 as gaps_count,
        rules.slipping_after_gaps,
        rules.lapsed_after_gaps,
        rules.slipping_days_least,
        rules.lapsed_days_least,
    from numbered_days
    cross join rules
    cross join usual_gap
),

limited_days as (
    select
        expected_days.customer_id,
        expected_days.ordered_on,
        expected_days.day_number,
        expected_days.gap_days,
        expected_days.loyal_purchase_days,
        (expected_days.gaps_sum + expected_days.gaps_count - 1) // expected_days.gaps_count
            as expected_gap_days,
        greatest(
            (expected_days.slipping_after_gaps * expected_days.gaps_sum + expected_days.gaps_count - 1)
            // expected_days.gaps_count,
            expected_days.slipping_days_least
        ) as slipping_days,
        greatest(
            (expected_days.lapsed_after_gaps * expected_days.gaps_sum + expected_days.gaps_count - 1)
            // expected_days.gaps_count,
            expected_days.lapsed_days_least
        ) as lapsed_days,
    from expected_days
),

judged_days as (
    select
        limited_days.customer_id,
        limited_days.ordered_on,
        limited_days.day_number,
        limited_days.loyal_purchase_days,
        limited_days.expected_gap_days,
        limited_days.slipping_days,
        limited_days.lapsed_days,
        coalesce(limited_days.gap_days > lag(limited_days.slipping_days) over in_order, false)
            as had_slipped,
        coalesce(limited_days.gap_days > lag(limited_days.lapsed_days) over in_order, false)
            as had_lapsed,
    from limited_days
    window in_order as (
        partition by limited_days.customer_id
        order by limited_days.ordered_on
    )
),

days_since_lapse as (
    select
        judged_days.customer_id,
        judged_days.ordered_on,
        judged_days.day_number,
        judged_days.loyal_purchase_days,
        judged_days.expected_gap_days,
        judged_days.slipping_days,
        judged_days.lapsed_days,
        judged_days.had_slipped,
        judged_days.had_lapsed,
        1 + judged_days.day_number - max(
            case when judged_days.had_lapsed or judged_days.day_number = 1 then judged_days.day_number end
        ) over (
            partition by judged_days.customer_id
            order by judged_days.ordered_on
        ) as place,
    from judged_days
),

staged_days as (
    select
        days_since_lapse.customer_id,
        days_since_lapse.ordered_on,
        days_since_lapse.day_number,
        days_since_lapse.expected_gap_days,
        days_since_lapse.slipping_days,
        days_since_lapse.lapsed_days,
        days_since_lapse.had_slipped,
        days_since_lapse.had_lapsed,
        case
            when days_since_lapse.day_number = 1 then 'new'
            when days_since_lapse.place = 1 then 'won_back'
            when days_since_lapse.place >= days_since_lapse.loyal_purchase_days then 'loyal'
            else 'active'
        end as stage,
    from days_since_lapse
),

entries as (
    select
        staged_days.customer_id,
        staged_days.ordered_on,
        staged_days.day_number,
        staged_days.expected_gap_days,
        staged_days.slipping_days,
        staged_days.lapsed_days,
        staged_days.stage,
        case
            when staged_days.had_lapsed then 'lapsed'
            when staged_days.had_slipped then 'slipping'
            else lag(staged_days.stage) over in_order
        end as stage_before,
        row_number() over (
            partition by staged_days.customer_id
            order by staged_days.ordered_on desc
        ) as number_from_last,
    from staged_days
    window in_order as (
        partition by staged_days.customer_id
        order by staged_days.ordered_on
    )
),

last_entries as (
    select
        entries.customer_id,
        entries.ordered_on,
        entries.stage_before,
        row_number() over (
            partition by entries.customer_id
            order by entries.ordered_on desc
        ) as number_from_last,
    from entries
    where entries.stage is distinct from entries.stage_before
),

buyers as (
    select
        entries.customer_id,
        entries.day_number as purchase_day_count,
        entries.expected_gap_days,
        entries.ordered_on as last_order_on,
        entries.ordered_on + entries.slipping_days::integer + 1 as slipping_on,
        entries.ordered_on + entries.lapsed_days::integer + 1 as lapsed_on,
        entries.stage as bought_stage,
        last_entries.stage_before as bought_stage_before,
        last_entries.ordered_on as bought_entered_on,
    from entries
    inner join last_entries
        on entries.customer_id = last_entries.customer_id
    where
        entries.number_from_last = 1
        and last_entries.number_from_last = 1
)

select
    customers.customer_id, -- Customer
    clock.as_of_on, -- Day the stage holds for
    case
        when buyers.customer_id is null then 'prospect'
        when clock.as_of_on >= buyers.lapsed_on then 'lapsed'
        when clock.as_of_on >= buyers.slipping_on then 'slipping'
        else buyers.bought_stage
    end as stage, -- prospect, new, active, loyal, slipping, lapsed or won_back
    case
        when buyers.customer_id is null then null
        when clock.as_of_on >= buyers.lapsed_on then 'slipping'
        when clock.as_of_on >= buyers.slipping_on then buyers.bought_stage
        when buyers.bought_stage = 'new'
            then case when customers.first_seen_on < buyers.last_order_on then 'prospect' end
        else buyers.bought_stage_before
    end as previous_stage, -- Stage before this one; null for prospects and for who bought on the day they became known
    coalesce(buyers.purchase_day_count, 0)::integer as purchase_day_count, -- Different days with a purchase
    buyers.expected_gap_days::integer as expected_gap_days, -- Days until the next purchase by the customer's own rhythm; null for prospects
    case
        when buyers.customer_id is null
            -- a run as of a past day knows customers whom nobody knew then
            then case when customers.first_seen_on <= clock.as_of_on then customers.first_seen_on end
        when clock.as_of_on >= buyers.lapsed_on then buyers.lapsed_on
        when clock.as_of_on >= buyers.slipping_on then buyers.slipping_on
        else buyers.bought_entered_on
    end as entered_on, -- First day in the stage; null for a prospect of whom no record says since when
    buyers.last_order_on, -- Day of the last purchase; null for prospects
    buyers.slipping_on, -- Day the customer slips, or did, without another purchase
    buyers.lapsed_on, -- Day the customer lapses, or did, without another purchase
from customers
cross join clock
left join buyers
    on customers.customer_id = buyers.customer_id
