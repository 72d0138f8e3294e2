"""Likeness on past days against who became a seed within the horizon after them.

Lift at a share is how many times more often those most alike became seeds than all candidates did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.metrics import RESAMPLES, Interval

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
JUDGED_SHARE = 0.1
# With fewer who became a seed, the interval of a lift is wider than what it could tell.
LEAST_FOUND = 30


@dataclass(frozen=True)
class PastDay:
    """The candidates of one past day: those who had bought and were no seeds yet.

    Attributes
    ----------
    customer_id
        (n,) text.
    likeness, baseline
        (n,): the score on trial, and spend in the same order of meaning.
    became_seed
        (n,): whether it did within the horizon.
    seeds
        How many seeds there were that day.
    """

    day: str
    customer_id: NDArray[np.str_]
    likeness: Floats
    baseline: Floats
    became_seed: NDArray[np.bool_]
    seeds: int


@dataclass(frozen=True)
class Verdict:
    """What the past days say of an audience.

    Attributes
    ----------
    curve
        Per share of `SHARES`: lift, its interval, the baseline's lift, the share found, and how
        many of those who are that much alike became seeds (the rate).
    gain
        Lift at `JUDGED_SHARE` over the baseline's.
    """

    curve: list[dict[str, float]]
    gain: Interval

    @property
    def is_better(self) -> bool:
        """Whether likeness finds more than spend does; the interval of the gain says how sure."""
        return self.gain.value >= 0

    def lift(self, share: float = JUDGED_SHARE) -> Interval:
        """Return the lift at a share."""
        row = self.curve[SHARES.index(share)]
        return Interval(row["lift"], row["lift_low"], row["lift_high"])


def judge(days: list[PastDay], *, seed: int) -> Verdict | None:
    """Return the verdict over past days; None when too few became a seed to tell.

    Parameters
    ----------
    days : list of PastDay
        Lift is worked out for each and averaged: a day with many seeds weighs no more.
    seed : int
        Of the resampling, which is of customers over all days.
    """
    days = [day for day in days if day.became_seed.any()]
    if sum(int(day.became_seed.sum()) for day in days) < LEAST_FOUND:
        return None
    everyone = np.unique(np.concatenate([day.customer_id for day in days]))
    weights = np.random.default_rng(seed).poisson(1.0, (RESAMPLES, len(everyone)))
    ones = np.ones((1, len(everyone)))
    value, drawn = _lifts(days, everyone, ones), _lifts(days, everyone, weights.astype(np.float64))
    own, other = drawn
    low, high = np.nanquantile(own, [0.025, 0.975], axis=0)
    judged = SHARES.index(JUDGED_SHARE)
    gain_low, gain_high = np.nanquantile(own[:, judged] - other[:, judged], [0.025, 0.975])
    rate = float(np.mean([day.became_seed.mean() for day in days]))
    curve = [
        {
            "share": share,
            "lift": round(float(value[0][0, place]), 6),
            "lift_low": round(float(low[place]), 6),
            "lift_high": round(float(high[place]), 6),
            "baseline_lift": round(float(value[1][0, place]), 6),
            "found_share": round(min(float(value[0][0, place]) * share, 1.0), 6),
            "rate": round(float(value[0][0, place]) * rate, 6),
        }
        for place, share in enumerate(SHARES)
    ]
    gain = float(value[0][0, judged] - value[1][0, judged])
    return Verdict(curve, Interval(gain, float(gain_low), float(gain_high)))


def _lifts(
    days: list[PastDay], everyone: NDArray[np.str_], weights: Floats
) -> tuple[Floats, Floats]:
    """Return the mean lift over the days, (resamples, shares), of likeness and of the baseline."""
    sums = [np.zeros((len(weights), len(SHARES))) for _ in range(2)]
    for day in days:
        own = weights[:, np.searchsorted(everyone, day.customer_id)]
        for total, score in zip(sums, (day.likeness, day.baseline), strict=True):
            order = np.lexsort((day.customer_id, -score))
            total += _lift(own[:, order], day.became_seed[order].astype(np.float64))
    return sums[0] / len(days), sums[1] / len(days)


def _lift(weights: Floats, became_seed: Floats) -> Floats:
    """Return the lift at each share; a resampled customer is a heavier one."""
    size = weights.cumsum(axis=1)
    found = (weights * became_seed).cumsum(axis=1)
    all_size, all_found = size[:, -1:], found[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        lifts = np.empty((len(weights), len(SHARES)))
        for row in range(len(weights)):
            at = np.searchsorted(size[row], np.asarray(SHARES) * all_size[row, 0] - 1e-9)
            at = np.minimum(at, size.shape[1] - 1)
            share_found = found[row, at] / all_found[row, 0]
            lifts[row] = share_found / (size[row, at] / all_size[row, 0])
    return lifts


def verdict_dict(verdict: Verdict | None) -> dict[str, Any] | None:
    """Return a verdict ready for JSON."""
    if verdict is None:
        return None
    return {"curve": verdict.curve, "gain": verdict.gain.to_dict()}
