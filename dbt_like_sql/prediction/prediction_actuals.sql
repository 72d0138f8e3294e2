-- One row per model, day predicted and tenth of customers: what was promised, and what came.
-- A row is made once the horizon is over and orders reach past it, and then carried from release to
-- release. Observed is the share that did not buy for churn, and the spend for customer_value (returns
-- in the days taken off, not below zero). Tenth 0 holds predictions that were the same for everybody.
-- The customers who got an offer because of the score are in here: what the offer changed is not told.
with orders_until as (
    select last_ordered_on,
    from prediction.churn_horizon
),

known as (
    select
        model_name,
        predicted_on,
        decile,
        model_version,
        horizon_until_on,
        customer_count,
        promised_mean,
        observed_mean,
        promised_total,
        observed_total,
    from previous.prediction_actuals
),

aliases as (
    select
        alias_customer_id,
        customer_id,
    from identity.customer_aliases
),

known_days as (
    select
        model_name,
        predicted_on,
    from known
    group by
        model_name,
        predicted_on
),

closed as (
    select
        predictions.model_name,
        predictions.predicted_on,
        coalesce(aliases.customer_id, predictions.customer_id) as customer_id,
        predictions.model_version,
        coalesce(predictions.decile, 0) as decile,
        predictions.promised,
        predictions.horizon_until_on,
    from previous.open_predictions as predictions
    cross join orders_until
    left join aliases
        on predictions.customer_id = aliases.alias_customer_id
    left join known_days
        on
            predictions.model_name = known_days.model_name
            and predictions.predicted_on = known_days.predicted_on
    where
        predictions.horizon_until_on <= orders_until.last_ordered_on
        and known_days.model_name is null
),

periods as (
    select
        predicted_on,
        horizon_until_on,
    from closed
    group by
        predicted_on,
        horizon_until_on
),

bought as (
    select
        periods.predicted_on,
        periods.horizon_until_on,
        orders.customer_id,
        sum(orders.net_home_amount - coalesce(orders.return_home_amount, 0)) as spent_amount,
    from periods
    inner join profiles.orders as orders
        on
            periods.predicted_on < orders.ordered_on
            and periods.horizon_until_on >= orders.ordered_on
    where
        orders.is_purchase
        and orders.customer_id is not null
    group by
        periods.predicted_on,
        periods.horizon_until_on,
        orders.customer_id
),

brought_back as (
    select
        periods.predicted_on,
        periods.horizon_until_on,
        lines.customer_id,
        -sum(lines.line_home_amount) as returned_amount,
    from periods
    inner join profiles.order_lines as lines
        on
            periods.predicted_on < lines.ordered_on
            and periods.horizon_until_on >= lines.ordered_on
    where
        lines.is_return
        and lines.status = 'completed'
        and lines.customer_id is not null
    group by
        periods.predicted_on,
        periods.horizon_until_on,
        lines.customer_id
),

came as (
    select
        closed.model_name,
        closed.predicted_on,
        closed.decile,
        closed.model_version,
        closed.horizon_until_on,
        closed.promised,
        case
            when closed.model_name = 'churn'
                then cast(bought.customer_id is null as decimal(18, 6))
            else
                greatest(
                    coalesce(bought.spent_amount, 0) - coalesce(brought_back.returned_amount, 0),
                    0
                )
        end as observed,
    from closed
    left join bought
        on
            closed.customer_id = bought.customer_id
            and closed.predicted_on = bought.predicted_on
            and closed.horizon_until_on = bought.horizon_until_on
    left join brought_back
        on
            closed.customer_id = brought_back.customer_id
            and closed.predicted_on = brought_back.predicted_on
            and closed.horizon_until_on = brought_back.horizon_until_on
),

newly_known as (
    select
        model_name,
        predicted_on,
        decile,
        max(model_version) as model_version,
        max(horizon_until_on) as horizon_until_on,
        count(*) as customer_count,
        sum(promised) as promised_total,
        sum(observed) as observed_total,
    from came
    group by
        model_name,
        predicted_on,
        decile
),

actuals as (
    select
        model_name,
        predicted_on,
        decile,
        model_version,
        horizon_until_on,
        customer_count,
        promised_mean,
        observed_mean,
        promised_total,
        observed_total,
    from known
    union all
    select
        model_name,
        predicted_on,
        decile,
        model_version,
        horizon_until_on,
        customer_count,
        round(cast(promised_total as double) / customer_count, 6) as promised_mean,
        round(cast(observed_total as double) / customer_count, 6) as observed_mean,
        promised_total,
        observed_total,
    from newly_known
)

select
    model_name, -- churn or customer_value.
    predicted_on, -- The day it was predicted.
    cast(decile as integer) as decile, -- Tenth of the customers on that day, 10 most at risk or worth most; 0 when all were alike.
    model_version, -- Version of the model that promised.
    horizon_until_on, -- Last day of the horizon.
    cast(customer_count as bigint) as customer_count, -- Customers of the tenth.
    promised_mean, -- Mean p_churn, or mean expected_value in the home currency.
    observed_mean, -- Share that did not buy, or mean spend in the home currency.
    cast(promised_total as decimal(18, 2)) as promised_total, -- Customers promised to churn, or spend promised in all.
    cast(observed_total as decimal(18, 2)) as observed_total, -- Customers that did not buy, or what all of them spent.
from actuals
