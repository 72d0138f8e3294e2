"""How good a probability is: ranking, error, calibration, each with an interval.

Here belong measures of predictions against what came, and their bootstrap. They take weights, so
that a resampled customer is a heavier customer and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats

RESAMPLES = 200
BINS = 10


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the three numbers with six digits, ready for JSON; None where not known."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {
            name: round(number, 6) if np.isfinite(number) else None
            for name, number in numbers.items()
        }


class Resampled:
    """Rows resampled by customer, the same way for every figure.

    Parameters
    ----------
    customer
        Number of the customer per row: all rows of one are resampled together.
    seed
        Of the resampling.
    """

    def __init__(self, customer: NDArray[np.int64], *, seed: int) -> None:
        _, block = np.unique(customer, return_inverse=True)
        draws = np.random.default_rng(seed)
        blocks = int(block.max()) + 1 if len(block) else 0
        # Poisson weights are the bootstrap of a large sample, without sorting out copies.
        self.ones = np.ones(len(customer))
        drawn = [draws.poisson(1.0, blocks).astype(np.float64)[block] for _ in range(RESAMPLES)]
        # of a handful of customers all may be left out at once
        self.weights = [weights if weights.any() else self.ones for weights in drawn]

    def interval(self, figure: Callable[[Floats], float]) -> Interval:
        """Return a figure of weighted rows with its 95 % interval."""
        drawn = np.array([figure(weights) for weights in self.weights])
        drawn = drawn[np.isfinite(drawn)]
        value = figure(self.ones)
        if len(drawn) < RESAMPLES / 2 or not np.isfinite(value):
            return Interval(value, -np.inf, np.inf)
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Interval(value, float(low), float(high))


class Judge(Resampled):
    """Rows with a known outcome, and how well scores told it.

    Parameters
    ----------
    churned
        1 or 0 per row.
    customer, seed
        As in `Resampled`.
    """

    def __init__(self, churned: Floats, customer: NDArray[np.int64], *, seed: int) -> None:
        super().__init__(customer, seed=seed)
        self.churned = churned

    def measures(self, score: Floats) -> dict[str, Interval]:
        """Return AUC, Brier score, log loss and expected calibration error of one score."""
        ranked = _Ranked.of(score)
        figures: Mapping[str, Callable[[Floats], float]] = {
            "auc": lambda weights: auc(self.churned, ranked, weights),
            "brier": lambda weights: brier(self.churned, score, weights),
            "log_loss": lambda weights: log_loss(self.churned, score, weights),
            "ece": lambda weights: ece(self.churned, score, weights, ranked),
            "lift_at_10_percent": lambda weights: lift(self.churned, ranked, weights, 0.1),
        }
        return {name: self.interval(figure) for name, figure in figures.items()}

    def auc_gain(self, score: Floats, other: Floats) -> Interval:
        """Return how much the AUC of one score exceeds another's, on the same resamples."""
        one, two = _Ranked.of(score), _Ranked.of(other)
        return self.interval(
            lambda weights: auc(self.churned, one, weights) - auc(self.churned, two, weights)
        )

    def brier_gain(self, score: Floats, other: Floats) -> Interval:
        """Return how much the Brier score of one score falls below another's."""
        return self.interval(
            lambda weights: (
                brier(self.churned, other, weights) - brier(self.churned, score, weights)
            )
        )


@dataclass(frozen=True)
class _Ranked:
    """The ranks of a score, worked out once for many weightings."""

    level: NDArray[np.intp]
    levels: int

    @classmethod
    def of(cls, score: Floats) -> _Ranked:
        values, level = np.unique(score, return_inverse=True)
        return cls(level, len(values))


def auc(churned: Floats, ranked: _Ranked, weights: Floats) -> float:
    """Chance that a churner's score exceeds a buyer's, ties counted half; nan with one kind."""
    bad = np.bincount(ranked.level, weights=weights * churned, minlength=ranked.levels)
    good = np.bincount(ranked.level, weights=weights * (1.0 - churned), minlength=ranked.levels)
    pairs = bad.sum() * good.sum()
    if pairs == 0:
        return float("nan")
    below = np.cumsum(good) - good
    return float((bad * (below + 0.5 * good)).sum() / pairs)


def brier(churned: Floats, score: Floats, weights: Floats) -> float:
    """Mean squared error of the probability."""
    return float(weights @ (score - churned) ** 2 / weights.sum())


def log_loss(churned: Floats, score: Floats, weights: Floats) -> float:
    """Mean minus log of the probability given to what came."""
    score = score.clip(1e-6, 1.0 - 1e-6)
    loss = churned * np.log(score) + (1.0 - churned) * np.log1p(-score)
    return float(-(weights @ loss) / weights.sum())


def ece(churned: Floats, score: Floats, weights: Floats, ranked: _Ranked) -> float:
    """Mean distance of promised and observed share over ten bins of as many customers."""
    bins = bin_of(ranked, weights)
    promised = np.bincount(bins, weights=weights * score, minlength=BINS)
    observed = np.bincount(bins, weights=weights * churned, minlength=BINS)
    return float(np.abs(promised - observed).sum() / weights.sum())


def lift(churned: Floats, ranked: _Ranked, weights: Floats, share: float) -> float:
    """Share of churners in the riskiest part over the share in all; ties enter in proportion."""
    mass = np.bincount(ranked.level, weights=weights, minlength=ranked.levels)[::-1]
    bad = np.bincount(ranked.level, weights=weights * churned, minlength=ranked.levels)[::-1]
    wanted = share * mass.sum()
    if bad.sum() == 0 or wanted == 0:
        return float("nan")
    before = np.cumsum(mass) - mass
    taken = np.clip((wanted - before) / np.maximum(mass, 1e-12), 0.0, 1.0)
    return float((bad * taken).sum() / wanted / (bad.sum() / mass.sum()))


def bin_of(ranked: _Ranked, weights: Floats) -> NDArray[np.intp]:
    """Return the tenth each row falls in by its score; equal scores fall in one."""
    mass = np.bincount(ranked.level, weights=weights, minlength=ranked.levels)
    middle = (np.cumsum(mass) - mass / 2.0) / mass.sum()
    tenth = np.minimum((middle * BINS).astype(np.intp), BINS - 1)
    return np.asarray(tenth[ranked.level])


def tenths(score: Floats) -> NDArray[np.int64]:
    """Return the tenth of each score, 1 lowest to 10 highest; equal scores share one."""
    return bin_of(_Ranked.of(score), np.ones(len(score))).astype(np.int64) + 1


def reliability(churned: Floats, score: Floats) -> list[dict[str, float]]:
    """Return promised and observed share in ten bins of as many customers."""
    bins = bin_of(_Ranked.of(score), np.ones(len(score)))
    return [
        {
            "customers": int((bins == tenth).sum()),
            "promised": round(float(score[bins == tenth].mean()), 6),
            "observed": round(float(churned[bins == tenth].mean()), 6),
        }
        for tenth in range(BINS)
        if (bins == tenth).any()
    ]
