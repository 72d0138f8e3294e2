"""A trained model of subscriptions that end: rates by plan and tenure, and a logistic regression.

Here belong both candidates, the object that is kept between runs, and its form as bytes. Which of
the two is exported is decided in ``train``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.churn.intervals import spread
from cdp_pipeline.prediction.subscriptions.samples import FOLDS, Periods, cells, design

FORMAT = 1
LEARNED, RATES, NOTHING = "learned", "plan_and_tenure", "none"
# Everybody's rate counts as much as so many subscriptions of a plan and tenure.
ROWS_OF_EVERYBODY = 20.0
SMALLEST = 1e-3


@dataclass(frozen=True)
class Rates:
    """Share that ended per plan and tenure, pulled towards everybody's."""

    everybody: float
    by_cell: Mapping[str, float]

    @classmethod
    def fit(cls, periods: Periods, plans: list[str]) -> Self:
        """Count."""
        everybody = significant(float((periods.ended.sum() + 0.5) / (len(periods) + 1.0)), 9)
        names, place = np.unique(cells(periods, plans).astype(str), return_inverse=True)
        ended = np.bincount(place, weights=periods.ended, minlength=len(names))
        count = np.bincount(place, minlength=len(names))
        rate = (ended + ROWS_OF_EVERYBODY * everybody) / (count + ROWS_OF_EVERYBODY)
        return cls(
            everybody,
            {
                str(name): significant(float(value), 9)
                for name, value in zip(names, rate, strict=True)
            },
        )

    def predict(self, periods: Periods, plans: list[str]) -> Floats:
        """Return the share of each row's plan and tenure."""
        found = [self.by_cell.get(cell, self.everybody) for cell in cells(periods, plans)]
        return np.array(found, dtype=np.float64).clip(SMALLEST, 1.0 - SMALLEST)


@dataclass(frozen=True)
class Line:
    """Logistic regression on centred and scaled columns; unknown values count as the mean."""

    means: list[float]
    scales: list[float]
    weights: list[float]
    intercept: float

    @classmethod
    def fit(cls, matrix: Floats, ended: Floats) -> Self:
        """Fit to rows in a fixed order."""
        from sklearn.linear_model import LogisticRegression

        known = np.isfinite(matrix)
        count = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, matrix, 0.0).sum(axis=0) / count
        centred = np.where(known, matrix - means, 0.0)
        scales = np.sqrt((centred**2).sum(axis=0) / count)
        scales = np.where(scales > 1e-9, scales, 1.0)
        model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(centred / scales, ended)
        return cls(
            [significant(float(value), 9) for value in means],
            [significant(float(value), 9) for value in scales],
            [significant(float(value), 9) for value in model.coef_[0]],
            significant(float(model.intercept_[0]), 9),
        )

    def parts(self, matrix: Floats) -> Floats:
        """Return what each column adds to the log odds of each row."""
        scaled = (matrix - np.array(self.means)) / np.array(self.scales)
        return np.asarray(np.where(np.isfinite(scaled), scaled, 0.0) * np.array(self.weights))

    def predict(self, matrix: Floats) -> Floats:
        """Return the probability of an end per row."""
        logit = self.parts(matrix).sum(axis=1) + self.intercept
        return np.asarray((1.0 / (1.0 + np.exp(-logit))).clip(SMALLEST, 1.0 - SMALLEST))


@dataclass(frozen=True)
class SubscriptionModel:
    """A trained model.

    Attributes
    ----------
    method
        ``learned``, ``plan_and_tenure`` or ``none``.
    rates, lines
        One per fifth of the subscriptions left out.
    drift
        Usual distance of a whole period from what was promised, in log odds.
    """

    method: str
    horizon_days: int
    plans: list[str]
    rates: list[Rates] = field(repr=False)
    lines: list[Line] = field(repr=False)
    drift: float
    card: dict[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """Twelve hex digits that name this model."""
        body = json.dumps(self._body(), sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:12]

    def to_bytes(self) -> bytes:
        """Return the model as JSON: nothing in it runs when it is opened."""
        return json.dumps({"version": self.version, **self._body()}, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo ``to_bytes``."""
        body = json.loads(data)
        if body.get("format") != FORMAT:
            raise ValueError(
                f"this subscription model has format {body.get('format')}, this program reads "
                f"{FORMAT}: train it again"
            )
        return cls(
            body["method"],
            body["horizon_days"],
            body["plans"],
            [Rates(**item) for item in body["rates"]],
            [Line(**item) for item in body["lines"]],
            body["drift"],
            body["card"],
        )

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "method": self.method,
            "horizon_days": self.horizon_days,
            "plans": self.plans,
            "rates": [{**vars(item), "by_cell": dict(item.by_cell)} for item in self.rates],
            "lines": [vars(item) for item in self.lines],
            "drift": self.drift,
            "card": self.card,
        }

    def by_rates(self, periods: Periods) -> Floats:
        """Return the probability by plan and tenure, a column per fifth left out."""
        return np.stack([item.predict(periods, self.plans) for item in self.rates], axis=1)

    def by_lines(self, periods: Periods) -> Floats:
        """Return the learned probability, a column per fifth left out."""
        matrix = design(periods, self.plans, self.horizon_days)
        return np.stack([item.predict(matrix) for item in self.lines], axis=1)

    def predict(self, periods: Periods) -> tuple[Floats, Floats, Floats] | None:
        """Return probability and interval per row; None when there is no score."""
        if self.method == NOTHING:
            return None
        by_fold = self.by_lines(periods) if self.method == LEARNED else self.by_rates(periods)
        return spread(by_fold, self.drift)


def fit_rates(periods: Periods, plans: list[str]) -> list[Rates]:
    """Return the rates with each fifth left out."""
    return [Rates.fit(periods.where(_kept(periods, fold)), plans) for fold in range(FOLDS)]


def fit_lines(periods: Periods, plans: list[str], horizon: int) -> list[Line]:
    """Return the regressions with each fifth left out."""
    matrix = design(periods, plans, horizon)
    return [
        Line.fit(matrix[kept], periods.ended[kept])
        for fold in range(FOLDS)
        for kept in [_kept(periods, fold)]
    ]


def _kept(periods: Periods, fold: int) -> Any:
    kept = periods.fold != fold
    return kept if kept.any() else np.ones(len(periods), dtype=np.bool_)
