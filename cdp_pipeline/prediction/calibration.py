"""From a score to a probability that can be taken at its word.

Here belongs beta calibration (Kull, Silva Filho & Flach 2017): a logistic regression on the logs of
a score and of its complement. It bends where Platt's sigmoid cannot and, with three numbers, works
on samples too small for isotonic steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats, significant

SMALLEST_PROBABILITY = 1e-4


@dataclass(frozen=True)
class BetaCalibrator:
    """Probability = sigmoid(intercept + rise * log(s) - fall * log(1 - s))."""

    intercept: float = 0.0
    rise: float = 1.0
    fall: float = 1.0

    @classmethod
    def fit(cls, score: Floats, churned: Floats, *, like: Self | None = None) -> Self:
        """Fit to scores of customers who had no part in making them.

        Parameters
        ----------
        like
            A calibrator of more of the same customers: terms it left out are left out here too,
            so that the two differ by what the customers say and not by their shape.
        """
        logs = np.stack([np.ones_like(score), *_logs(score)], axis=1)
        shapes = [[0, 1, 2], [0, 1], [0, 2], [0]]
        if like is not None:
            full = [0, *([1] if like.rise else []), *([2] if like.fall else [])]
            shapes = [full, [0]]
        for kept in shapes:
            weights = _logistic(logs[:, kept], churned)
            # a falling curve would turn the ranking round: drop that term
            if (weights[1:] >= 0).all():
                break
        terms = np.zeros(3)
        terms[kept] = weights
        return cls(*(significant(float(value), 9) for value in terms))

    def apply(self, score: Floats) -> Floats:
        """Return the probability for each score."""
        rising, falling = _logs(score)
        logit = self.intercept + self.rise * rising + self.fall * falling
        return np.asarray(
            (1.0 / (1.0 + np.exp(-logit))).clip(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
        )

    def to_dict(self) -> dict[str, float]:
        """Return the three numbers."""
        return {"intercept": self.intercept, "rise": self.rise, "fall": self.fall}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        return cls(**data)


def _logs(score: Floats) -> tuple[Floats, Floats]:
    score = score.clip(1e-6, 1.0 - 1e-6)
    return np.log(score), -np.log1p(-score)


def _logistic(columns: Floats, churned: Floats) -> Floats:
    """Return logistic regression weights by Newton's method; slopes are pulled towards 1."""
    # "The score is right already" decides where the data say little; the intercept is pulled
    # only so much that it stays finite with one kind of outcome.
    target, pull = np.ones(columns.shape[1]), np.ones(columns.shape[1])
    target[0], pull[0] = 0.0, 0.01
    weights = target.copy()
    for _ in range(50):
        chance = 1.0 / (1.0 + np.exp(-(columns @ weights)))
        gradient = columns.T @ (chance - churned) + pull * (weights - target)
        curvature = (columns * (chance * (1.0 - chance))[:, None]).T @ columns + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        size = float(np.abs(step).max())
        weights = weights - step * min(1.0, 4.0 / max(size, 1e-12))
        if size < 1e-10:
            break
    return np.asarray(weights)
