-- One row per cut-off: a day on which the past is frozen to learn or judge churn, and the day scored.
-- Cut-offs with an outcome end where the orders end, not at as_of_on: a delivery that is late by weeks
-- would otherwise look like a shop that everybody left. A model may learn for a judged cut-off only from
-- cut-offs whose label_until_on is not later than that day (rolling origin). Windows of neighbouring
-- cut-offs overlap when the history is short: the rows are not independent, so intervals are blocked by
-- customer. Without orders for two horizons only the scored day is left.
with clock as (
    select
        as_of_on,
        home_currency,
    from sources.run_clock
),

horizon as (
    select
        horizon_days,
        first_ordered_on,
        last_ordered_on,
    from prediction.churn_horizon
),

spans as (
    select
        clock.as_of_on,
        clock.home_currency,
        horizon.horizon_days,
        horizon.last_ordered_on - horizon.horizon_days as newest_on,
        -- a customer must have had one horizon to show a rhythm
        horizon.first_ordered_on + horizon.horizon_days as oldest_on,
    from clock
    cross join horizon
),

steps as (
    select
        *,
        -- six steps back: whole horizons when the history allows, else halves or thirds
        case
            when newest_on - oldest_on >= 6 * horizon_days then horizon_days
            when newest_on - oldest_on >= 3 * horizon_days then horizon_days // 2
            else greatest(horizon_days // 3, 1)
        end as step_days,
        -- a long history can spare two periods for judging
        case
            when newest_on - oldest_on >= 6 * horizon_days then 2
            else 1
        end as judge_count,
    from spans
),

positions as (
    select unnest([0, 1, 2, 3, 4, 5, 6]) as position,
),

past as (
    select
        steps.newest_on - cast(positions.position * steps.step_days as integer) as cutoff_on,
        case
            when positions.position < steps.judge_count then 'judge'
            else 'train'
        end as role,
        steps.horizon_days,
        steps.oldest_on,
        steps.as_of_on,
        steps.home_currency,
    from steps
    cross join positions
),

cutoffs as (
    select
        cutoff_on,
        role,
        horizon_days,
        cutoff_on + horizon_days as label_until_on,
        as_of_on,
        home_currency,
    from past
    where
        cutoff_on >= oldest_on
        and cutoff_on < as_of_on
    union all
    select
        as_of_on as cutoff_on,
        'score' as role,
        horizon_days,
        null as label_until_on,
        as_of_on,
        home_currency,
    from spans
)

select
    cutoff_on, -- The last day whose facts may be read.
    role, -- train (a past day to learn from), judge (a later past day on which models are compared, then learned from too) or score (as_of_on).
    cast(horizon_days as integer) as horizon_days, -- Days after the cut-off within which a purchase must come, or the customer has churned.
    label_until_on, -- Last day of the horizon; null for the scored day, whose outcome nobody knows.
    as_of_on, -- The day the run stands on.
    home_currency, -- Currency of every amount in churn_features.
from cutoffs
