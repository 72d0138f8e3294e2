"""How far apart small and large expected values lie: bent to what past periods showed.

Here belongs only that one power. A forecast that ranks customers well can still promise too much to
those worth least and too little to those worth most, or the other way round; the ranking stays.
"""

from __future__ import annotations

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.value.intervals import (
    BUYERS_PER_GROUP,
    MOST_GROUPS,
    PastForecast,
    group_log_errors,
)

# Beyond these the past was another business.
LEAST, MOST = 0.7, 1.4


def power_of(past: list[PastForecast]) -> float:
    """Return the power that brings past forecasts nearest to what came; 1 where it is not known.

    It is the mean over the periods of the slope of the log error along the log forecast, over
    groups of customers weighted by the root of their money.
    """
    slopes = []
    for item in past:
        if int((item.came > 0).sum()) < BUYERS_PER_GROUP * MOST_GROUPS:
            continue
        error, mean, money = group_log_errors(item, MOST_GROUPS)
        weight = np.sqrt(money)
        known = (mean > 0) & (money > 0)
        if known.sum() < 2:
            continue
        error, place, weight = error[known], np.log(mean[known]), weight[known]
        centred = place - (weight @ place) / weight.sum()
        spread = float(weight @ centred**2)
        if spread > 1e-9:
            slopes.append(float(weight @ (centred * error)) / spread)
    if len(slopes) < 2:
        return 1.0
    return significant(float(np.clip(1.0 + np.mean(slopes), LEAST, MOST)), 9)


def bent(forecast: Floats, power: float) -> Floats:
    """Return the forecast with its values further apart or nearer, its total unchanged."""
    raised = np.maximum(forecast, 0.0) ** power
    return np.asarray(raised * scale_of(forecast, power))


def scale_of(forecast: Floats, power: float) -> float:
    """Return the factor that keeps the total of a bent forecast."""
    raised = float((np.maximum(forecast, 0.0) ** power).sum())
    return float(forecast.sum()) / max(raised, 1e-9)
