-- One row per model, day predicted and customer: what was published and whose horizon is not over yet.
-- It is carried from release to release so that promises can be held against what came; a new day is
-- taken up when none of the last 28 days is open, so it holds a handful of days, not one a run. What
-- became of them is in prediction_actuals. Customers who are no longer known are left out.
with clock as (
    select as_of_on,
    from sources.run_clock
),

carried as (
    select
        model_name,
        predicted_on,
        customer_id,
        model_version,
        decile,
        promised,
        horizon_until_on,
    from previous.open_predictions
),

aliases as (
    select
        alias_customer_id,
        customer_id,
    from identity.customer_aliases
),

customers as (
    select customer_id,
    from identity.identity_map
    group by customer_id
),

known_days as (
    select
        model_name,
        predicted_on,
    from previous.prediction_actuals
    group by
        model_name,
        predicted_on
),

still_open as (
    select
        carried.model_name,
        carried.predicted_on,
        coalesce(aliases.customer_id, carried.customer_id) as customer_id,
        -- two customers found to be one: the riskier, or more valuable, promise stays
        max(carried.model_version) as model_version,
        max(carried.decile) as decile,
        max(carried.promised) as promised,
        max(carried.horizon_until_on) as horizon_until_on,
    from carried
    cross join clock
    left join aliases
        on carried.customer_id = aliases.alias_customer_id
    inner join customers
        on coalesce(aliases.customer_id, carried.customer_id) = customers.customer_id
    left join known_days
        on
            carried.model_name = known_days.model_name
            and carried.predicted_on = known_days.predicted_on
    where
        known_days.model_name is null
        -- orders that are later than this will not come any more
        and carried.horizon_until_on > clock.as_of_on - 90
        and carried.predicted_on <= clock.as_of_on
    group by
        carried.model_name,
        carried.predicted_on,
        coalesce(aliases.customer_id, carried.customer_id)
),

newest as (
    select
        model_name,
        max(predicted_on) as predicted_on,
    from still_open
    group by model_name
),

published as (
    select
        'churn' as model_name,
        as_of_on as predicted_on,
        customer_id,
        model_version,
        risk_decile as decile,
        cast(p_churn as decimal(18, 6)) as promised,
        as_of_on + horizon_days as horizon_until_on,
    from prediction.churn_predictions
    where is_scored
    union all
    select
        'customer_value' as model_name,
        as_of_on as predicted_on,
        customer_id,
        model_version,
        value_decile as decile,
        cast(expected_value as decimal(18, 6)) as promised,
        as_of_on + horizon_days as horizon_until_on,
    from prediction.customer_value
    where is_scored
),

taken_up as (
    select
        published.model_name,
        published.predicted_on,
        published.customer_id,
        published.model_version,
        published.decile,
        published.promised,
        published.horizon_until_on,
    from published
    left join newest
        on published.model_name = newest.model_name
    where
        newest.predicted_on is null
        or newest.predicted_on <= published.predicted_on - 28
),

predictions as (
    select
        model_name,
        predicted_on,
        customer_id,
        model_version,
        decile,
        promised,
        horizon_until_on,
    from still_open
    union all
    select
        model_name,
        predicted_on,
        customer_id,
        model_version,
        decile,
        promised,
        horizon_until_on,
    from taken_up
)

select
    model_name, -- churn or customer_value.
    predicted_on, -- The day it was predicted.
    customer_id, -- The customer, as of this release.
    model_version, -- Version of the model.
    cast(decile as integer) as decile, -- risk_decile or value_decile of that day; null where all were alike.
    cast(promised as decimal(18, 6)) as promised, -- p_churn, or expected_value in the home currency.
    horizon_until_on, -- Last day of the horizon.
from predictions
