"""How far an expected value may be off, learned from how far past ones were.

Here belongs the interval of the mean spend of customers like one. It is measured, not assumed: past
forecasts of each tenth of the customers are laid beside what that tenth spent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.value.level import PeriodError, periods

# A group of fewer buyers says more about chance than about the forecast.
BUYERS_PER_GROUP = 20
MOST_GROUPS = 10
# The error of a period nobody could compare with another, in logs: 100 may be 61 to 163.
UNKNOWN_ERROR = 0.25
# An interval from a tenth of an amount to ten times it says nothing of the amount.
SAYS_NOTHING = 10.0


@dataclass(frozen=True)
class PastForecast:
    """A forecast made on a past day, and what came."""

    day: int
    forecast: Floats
    came: Floats


@dataclass(frozen=True)
class ValueSpread:
    """Half width of the 95 % interval in logs, per group of customers from least to most worth."""

    halves: list[float]

    @classmethod
    def of(cls, past: list[PastForecast], days: int, *, judged: list[PastForecast]) -> Self:
        """Measure it on past forecasts of so many days.

        Parameters
        ----------
        past
            Forecasts by what was fitted to these periods too: customers are held out, times not.
        judged
            Forecasts of days later than all that was fitted; where they erred more, they count.
        """
        from scipy.special import stdtrit

        buyers = min((int((item.came > 0).sum()) for item in past), default=0)
        groups = max(1, min(MOST_GROUPS, buyers // BUYERS_PER_GROUP))
        squares = np.maximum(_mean_squares(past, groups), _mean_squares(judged, groups))
        # neighbouring groups of so few periods are better known together
        padded = np.concatenate([squares[:1], squares, squares[-1:]])
        smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3.0
        count = periods([PeriodError(item.day, 0.0) for item in past], days)
        if count < 2.0:
            smooth = smooth + UNKNOWN_ERROR**2
        factor = float(stdtrit(max(count, 2.0), 0.975))
        return cls([significant(factor * math.sqrt(float(value)), 6) for value in smooth])

    @property
    def says_nothing(self) -> bool:
        """Whether the usual customer's interval is too wide for the amount to be told."""
        return float(np.median(self.halves)) > math.log(SAYS_NOTHING)

    def apply(self, forecast: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper end per customer."""
        half = np.array(self.halves)[group_of(forecast, len(self.halves))]
        return forecast * np.exp(-half), forecast * np.exp(half)

    def covered(self, item: PastForecast) -> tuple[int, int]:
        """Return how many groups spent what the interval of their mean held, and of how many."""
        low, high = self.apply(item.forecast)
        group = group_of(item.forecast, len(self.halves))
        size = len(self.halves)
        came = np.bincount(group, weights=item.came, minlength=size)
        below = np.bincount(group, weights=low, minlength=size)
        above = np.bincount(group, weights=high, minlength=size)
        filled = np.bincount(group, minlength=size) > 0
        return int(((came >= below) & (came <= above))[filled].sum()), int(filled.sum())

    def to_dict(self) -> list[float]:
        """Return the half widths."""
        return self.halves

    @classmethod
    def from_dict(cls, data: list[float]) -> Self:
        """Undo ``to_dict``."""
        return cls(data)


def group_of(score: Floats, groups: int) -> NDArray[np.intp]:
    """Return the group of each customer by its score, equal scores in one."""
    values, level, count = np.unique(score, return_inverse=True, return_counts=True)
    if len(values) == 0:
        return np.zeros(0, dtype=np.intp)
    middle = (np.cumsum(count) - count / 2.0) / count.sum()
    return np.asarray(np.minimum((middle * groups).astype(np.intp), groups - 1)[level])


def _mean_squares(items: list[PastForecast], groups: int) -> Floats:
    """Return the mean squared log error per group, zero without any forecast."""
    squares = np.zeros(groups)
    for item in items:
        squares += np.square(group_log_errors(item, groups)[0]) / len(items)
    return squares


def group_log_errors(item: PastForecast, groups: int) -> tuple[Floats, Floats, Floats]:
    """Return the log of what came over the forecast, the mean and the total forecast per group."""
    group = group_of(item.forecast, groups)
    came = np.bincount(group, weights=item.came, minlength=groups)
    said = np.bincount(group, weights=item.forecast, minlength=groups)
    spenders = item.came[item.came > 0]
    # one more purchase of half the usual size on both sides: a group that spent nothing is no log 0
    extra = 0.5 * float(np.median(spenders)) if len(spenders) else 1.0
    size = np.maximum(np.bincount(group, minlength=groups), 1)
    error = np.log((came + extra) / (said + extra))
    return np.asarray(error), np.asarray(said / size), np.asarray(said, dtype=np.float64)


def as_json(spread: ValueSpread | None) -> Any:
    """Return the spread ready for JSON, None where there is none."""
    return None if spread is None else spread.to_dict()


def from_json(data: Any) -> ValueSpread | None:
    """Undo ``as_json``."""
    return None if data is None else ValueSpread.from_dict(data)
