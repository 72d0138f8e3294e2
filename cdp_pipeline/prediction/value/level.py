"""The total of all customers: the models of buying, corrected by what past periods agree on.

Here belongs only that one factor. A learner fitted to past periods takes over their level, which is
why one that ranks customers best can promise a third too much in all; the models of buying see
customers leave and set the total instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cdp_pipeline.prediction.bgnbd import significant


@dataclass(frozen=True)
class PeriodError:
    """How far one past forecast of the total lay from what came.

    Attributes
    ----------
    day
        The day it was made, as days since 1970.
    log_ratio
        Log of what came over what was forecast.
    """

    day: int
    log_ratio: float


def period_error(day: int, forecast: float, came: float) -> PeriodError:
    """Return the error of a total; nothing at all counts as a hundredth."""
    return PeriodError(day, math.log(max(came, 0.01 * forecast) / max(forecast, 1e-9)))


def periods(errors: list[PeriodError], days: int) -> float:
    """Return how many periods of so many days the forecasts cover; windows that overlap are one."""
    if not errors:
        return 0.0
    span = max(error.day for error in errors) - min(error.day for error in errors)
    return min(1.0 + span / days, float(len(errors)))


def sure_factor(errors: list[PeriodError], days: int) -> float:
    """Return the factor on the total that past periods surely agree on, 1 when they do not.

    It is the part of their mean error beyond its 95 % interval. Correcting by the whole mean error
    chases seasons: on past days it made more totals worse than better.
    """
    from scipy.special import stdtrit

    count = periods(errors, days)
    if count < 2.0:
        return 1.0
    logs = np.array([error.log_ratio for error in errors])
    mean, deviation = float(logs.mean()), float(logs.std(ddof=1))
    unsure = float(stdtrit(count - 1.0, 0.975)) * deviation / math.sqrt(count)
    sure = math.copysign(max(abs(mean) - unsure, 0.0), mean)
    return significant(math.exp(sure), 9)
