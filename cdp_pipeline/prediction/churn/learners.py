"""What learns to tell churners from buyers, and how it is kept.

Here belong the two learners (a logistic regression and boosted trees), their fitting on folds of
customers, and their plain form: numbers in JSON, nothing that runs when a file is opened. Which of
the candidates is believed is decided in ``trial``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.calibration import BetaCalibrator
from cdp_pipeline.prediction.samples import FOLDS, linear_columns
from cdp_pipeline.prediction.trees import BoostedTrees

LEARNED = ("logistic", "trees", "logistic_and_trees")


@dataclass(frozen=True)
class Logistic:
    """Logistic regression on centred and scaled columns; nulls count as the mean.

    It takes the columns as ``linear_columns`` gives them.
    """

    means: list[float]
    scales: list[float]
    weights: list[float]
    intercept: float

    @classmethod
    def fit(cls, columns: Floats, churned: Floats) -> Self:
        """Fit to rows in a fixed order."""
        from sklearn.linear_model import LogisticRegression

        known = np.isfinite(columns)
        counts = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, columns, 0.0).sum(axis=0) / counts
        centred = np.where(known, columns - means, 0.0)
        scales = np.sqrt((centred**2).sum(axis=0) / counts)
        # A column that never varies, or is hardly ever known, says nothing.
        useful = (scales > 1e-9) & (counts > 0.01 * len(columns))
        scales = np.where(useful, scales, 1.0)
        means = np.array([significant(float(value), 9) for value in means])
        scales = np.array([significant(float(value), 9) for value in scales])
        scaled = np.where(known & useful, (columns - means) / scales, 0.0)
        model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(scaled, churned)
        weights = np.where(useful, model.coef_[0], 0.0)
        return cls(
            means.tolist(),
            scales.tolist(),
            [significant(float(value), 9) for value in weights],
            significant(float(model.intercept_[0]), 9),
        )

    def predict(self, columns: Floats) -> Floats:
        """Return the probability of churn per row."""
        scaled = (columns - np.array(self.means)) / np.array(self.scales)
        scaled = np.where(np.isfinite(scaled), scaled, 0.0)
        return _sigmoid(scaled @ np.array(self.weights) + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        return cls(**data)


@dataclass(frozen=True)
class Members:
    """Both learners, fitted to the same rows: a matrix, and its ``linear_columns``."""

    logistic: Logistic
    trees: BoostedTrees

    @classmethod
    def fit(cls, matrix: Floats, columns: Floats, churned: Floats, *, seed: int) -> Self:
        """Fit both to rows in a fixed order."""
        return cls(
            Logistic.fit(columns, churned),
            BoostedTrees.of_outcome(matrix, churned, seed=seed),
        )

    def predict(self, matrix: Floats, columns: Floats) -> dict[str, Floats]:
        """Return the score of each learner and their mean."""
        one, two = self.logistic.predict(columns), _sigmoid(self.trees.raw(matrix))
        return dict(zip(LEARNED, (one, two, (one + two) / 2.0), strict=True))


@dataclass(frozen=True)
class Calibrators:
    """One calibrator per left-out fold, so that their spread tells how well each is known."""

    by_fold: list[BetaCalibrator]

    @classmethod
    def fit(cls, score: Floats, churned: Floats, fold: NDArray[np.int64]) -> Self:
        """Fit to scores whose makers did not see the customer scored."""
        everyone = np.ones(len(score), dtype=np.bool_)
        whole = BetaCalibrator.fit(score, churned)
        return cls(
            [
                BetaCalibrator.fit(score[rows], churned[rows], like=whole)
                for left_out in range(FOLDS)
                # a handful of customers may all fall into one fold
                for rows in [fold != left_out if (fold != left_out).any() else everyone]
            ]
        )

    def apply(self, scores: list[Floats]) -> Floats:
        """Return one column of probabilities per fold.

        Parameters
        ----------
        scores
            One score per fold, or a single one when the score itself was not learned.
        """
        spread = scores * FOLDS if len(scores) == 1 else scores
        return np.stack(
            [
                calibrator.apply(score)
                for calibrator, score in zip(self.by_fold, spread, strict=True)
            ],
            axis=1,
        )

    def to_dict(self) -> list[dict[str, float]]:
        """Return the numbers, ready for JSON."""
        return [calibrator.to_dict() for calibrator in self.by_fold]

    @classmethod
    def from_dict(cls, data: list[dict[str, float]]) -> Self:
        """Undo ``to_dict``."""
        return cls([BetaCalibrator.from_dict(item) for item in data])


def fit_members(
    matrix: Floats, churned: Floats, fold: NDArray[np.int64], *, seed: int
) -> tuple[list[Members], dict[str, Floats]]:
    """Fit the learners with each fold of customers left out.

    Returns
    -------
    members
        One pair of learners per fold left out.
    out_of_fold
        The scores of every row by the pair that did not see its customer.
    """
    members: list[Members] = []
    out_of_fold = {name: np.empty(len(churned)) for name in LEARNED}
    columns = linear_columns(matrix)
    for left_out in range(FOLDS):
        held = fold == left_out
        pair = Members.fit(matrix[~held], columns[~held], churned[~held], seed=seed)
        members.append(pair)
        for name, score in pair.predict(matrix[held], columns[held]).items():
            out_of_fold[name][held] = score
    return members, out_of_fold


def scores_of(members: list[Members], name: str, matrix: Floats) -> list[Floats]:
    """Return one score per pair of learners: of either learner, or their mean."""
    columns = linear_columns(matrix)
    return [pair.predict(matrix, columns)[name] for pair in members]


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
