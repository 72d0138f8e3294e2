-- One row per cut-off and subscription that ran on that day: what was known of it, and whether it ended
-- within the next 90 days. Past days are rebuilt from started_on and ended_on alone, because status and
-- renews_on say how a subscription stands today. One that is said to be over without a day it ended is
-- left out: when it ended is not known. Days 90 apart, six at most, so that no outcome counts twice; the
-- plan and the amount are today's, as a source delivers no older ones.
with clock as (
    select as_of_on,
    from sources.run_clock
),

subscriptions as (
    select
        profiles.source,
        profiles.subscription_id,
        profiles.customer_id,
        profiles.plan,
        profiles.status,
        profiles.billing_months,
        profiles.recurring_amount,
        profiles.started_on,
        profiles.ended_on,
    from profiles.subscriptions as profiles
    where
        profiles.started_on is not null
        and (
            profiles.ended_on is not null
            or coalesce(profiles.status, 'active') not in ('cancelled', 'expired')
        )
),

positions as (
    select unnest([0, 1, 2, 3, 4, 5, 6]) as position,
),

cutoffs as (
    select
        clock.as_of_on - cast(90 * positions.position as integer) as cutoff_on,
        case
            when positions.position = 0 then 'score'
            when positions.position = 1 then 'judge'
            else 'train'
        end as role,
    from clock
    cross join positions
),

running as (
    select
        cutoffs.cutoff_on,
        cutoffs.role,
        subscriptions.source,
        subscriptions.subscription_id,
        subscriptions.customer_id,
        subscriptions.plan,
        subscriptions.status,
        subscriptions.billing_months,
        subscriptions.recurring_amount,
        subscriptions.started_on,
        subscriptions.ended_on,
        -- whole payment periods behind the day; a calendar month counts once its day is reached
        datesub('month', subscriptions.started_on, cutoffs.cutoff_on)
        // nullif(subscriptions.billing_months, 0) as paid_period_count,
    from cutoffs
    inner join subscriptions
        on
            cutoffs.cutoff_on >= subscriptions.started_on
            and cutoffs.cutoff_on < coalesce(subscriptions.ended_on, date '9999-12-31')
)

select
    running.cutoff_on, -- The last day whose facts are read, the outcome excepted.
    running.source, -- Source system of the subscription.
    running.subscription_id, -- Subscription's id in the source.
    running.role, -- train (a past day to learn from), judge (the newest past day) or score (as_of_on).
    running.customer_id, -- Customer who subscribes; null when unknown.
    running.plan, -- Plan as the source calls it, today's.
    cast(90 as integer) as horizon_days, -- Days after the cut-off that decide.
    cast(running.cutoff_on - running.started_on as integer) as tenure_days, -- Days since it started.
    cast(
        cast(
            running.started_on
            + to_months(cast((running.paid_period_count + 1) * running.billing_months as integer))
            as date
        ) - running.cutoff_on
        as integer
    ) as days_to_renewal, -- Days until the next payment is due; null without billing_months.
    cast(running.billing_months as integer) as billing_months, -- Months that one payment covers.
    running.recurring_amount, -- What one payment is, in the currency of the subscription.
    running.role = 'score' and running.ended_on is not null as is_ending, -- Its last day is known already: nothing is left to predict.
    case
        when running.role != 'score'
            then
                running.ended_on is not null
                and running.ended_on <= running.cutoff_on + 90
    end as has_ended_in_horizon, -- The outcome: ended within the horizon; null for the scored day.
from running
