"""How like the seeds a customer is: a logistic model of behaviour and interests.

The customers who are no seeds count as negatives although some of them will be seeds later
(positive-unlabelled learning). That keeps the order of the scores right (Elkan & Noto 2008,
"Learning classifiers from only positive and unlabeled data", KDD), and the order is what an
audience needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.lookalikes.behaviour import MEASURES, Behaviour

QUANTILES = 200
EXTREME = 3.0
# Interests weigh less than behaviour each, or sixty of them drown it.
INTEREST_WEIGHT = 0.3
# The prior's weight in customers: the same pull towards zero whatever the number of rows.
PRIOR_ROWS = 20.0


@dataclass(frozen=True)
class Likeness:
    """Likeness to one set of seeds.

    Attributes
    ----------
    categories
        Whose interests count.
    quantiles
        (len(MEASURES), q): where the measures' quantiles lay in training.
    middle, spread
        Of the logarithms of interests in training.
    weights
        Of the measures, then of the interests.
    intercept
        Such that a likeness of .5 is as usual among seeds as among others.
    """

    categories: list[str]
    quantiles: list[list[float]]
    middle: list[float]
    spread: list[float]
    weights: list[float]
    intercept: float

    @classmethod
    def fit(
        cls, behaviour: Behaviour, categories: list[str], is_seed: NDArray[np.bool_]
    ) -> Likeness:
        """Learn what tells seeds from other customers."""
        from sklearn.linear_model import LogisticRegression

        grid = np.linspace(0, 1, QUANTILES + 1)
        known = [column[np.isfinite(column)] for column in behaviour.measures.T]
        quantiles = [
            (np.quantile(column, grid) if len(column) else np.zeros(len(grid))) for column in known
        ]
        logs = np.log1p(behaviour.interests)
        spread = logs.std(axis=0)
        blank = cls(
            categories,
            [[significant(float(v), 9) for v in column] for column in quantiles],
            [significant(float(v), 9) for v in logs.mean(axis=0)],
            [significant(float(v), 9) if v > 0 else 1.0 for v in spread],
            [],
            0.0,
        )
        learner = LogisticRegression(
            C=PRIOR_ROWS / len(behaviour), class_weight="balanced", max_iter=1000, tol=1e-8
        )
        learner.fit(blank.matrix(behaviour), is_seed)
        return cls(
            blank.categories,
            blank.quantiles,
            blank.middle,
            blank.spread,
            [significant(float(v), 9) for v in learner.coef_[0]],
            significant(float(learner.intercept_[0]), 9),
        )

    def matrix(self, behaviour: Behaviour) -> Floats:
        """Return measures as normal scores and interests standardised, a row per customer."""
        scores = np.empty_like(behaviour.measures)
        for number, column in enumerate(behaviour.measures.T):
            scores[:, number] = _normal_score(column, np.asarray(self.quantiles[number]))
        interests = (np.log1p(behaviour.interests) - self.middle) / self.spread
        return np.hstack([scores, INTEREST_WEIGHT * np.clip(interests, -EXTREME, EXTREME)])

    def of(self, behaviour: Behaviour) -> Floats:
        """Return the likeness, 0 to 1, per customer."""
        return self.of_matrix(self.matrix(behaviour))

    def of_matrix(self, matrix: Floats) -> Floats:
        """Return the likeness per row of a matrix."""
        logit = matrix @ np.asarray(self.weights) + self.intercept
        likeness: Floats = 1.0 / (1.0 + np.exp(-logit))
        return likeness

    def reasons(self, matrix: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return which column speaks most for each row of a matrix, and whether any does."""
        parts = matrix * np.asarray(self.weights)
        best = parts.argmax(axis=1)
        return best, parts[np.arange(len(parts)), best] > 0

    @property
    def columns(self) -> list[str]:
        """Name of every column: the measures, then the categories."""
        return [*MEASURES, *self.categories]

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> Likeness:
        """Undo ``to_dict``."""
        return cls(**body)


def _normal_score(column: Floats, quantiles: Floats) -> Floats:
    """Return where values lie among the quantiles, as a normal score; 0 where not known."""
    share = np.linspace(0, 1, len(quantiles))
    # Tied quantiles (a third of all customers ordered once) take the middle of their steps.
    values, first = np.unique(quantiles, return_index=True)
    last = np.r_[first[1:], len(quantiles)] - 1
    position = np.interp(column, values, (share[first] + share[last]) / 2)
    score: Floats = np.clip(ndtri(np.clip(position, 1e-6, 1 - 1e-6)), -EXTREME, EXTREME)
    return np.where(np.isfinite(column), score, 0.0)
