-- One row per model and feature: how far today's customers lie from those of the day it was trained.
-- The population stability index is 0 where they are the same; below .1 is calm, above .25 worth a
-- look. The feature named score is the prediction itself: beyond drift_limit of the settings it is not
-- published, and churn_predictions or customer_value say model_out_of_date. Fewer than 100 customers
-- cannot tell drift from chance and have no row. Features always move between the days a model
-- learned from: that is judged by the backtest on the model card, not here.
with drifts as (
    select
        model_name,
        feature,
        stability_index,
    from prediction.churn_drift
    union all
    select
        model_name,
        feature,
        stability_index,
    from prediction.value_drift
)

select
    drifts.model_name, -- churn or customer_value.
    drifts.feature, -- Column of churn_features, or score.
    drifts.stability_index, -- Population stability index, what chance alone would show taken off.
    case
        when drifts.stability_index > 0.25 then 'moved'
        when drifts.stability_index > 0.1 then 'watch'
        else 'calm'
    end as status, -- calm (to .1), watch (to .25) or moved.
from drifts
