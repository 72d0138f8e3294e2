"""BG/NBD and Gamma-Gamma together: purchases and spend expected of customers.

Here belongs the product of the two, with the variant of BG/NBD that fits these purchases better and
what stands in where spend cannot be fitted. Whether it is believed is decided in ``trial``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from cdp_pipeline.prediction.bgnbd import (
    BetaGeometricNBD,
    Floats,
    NotEnoughDataError,
    significant,
)
from cdp_pipeline.prediction.gamma_gamma import GammaGamma
from cdp_pipeline.prediction.samples import DAYS_PER_WEEK, POPULATION_ROWS
from cdp_pipeline.prediction.value.samples import History

Status = Literal["ok", "boundary", "too_few"]


@dataclass(frozen=True)
class Buying:
    """How often these customers buy and how much they spend each time.

    Attributes
    ----------
    rhythm
        MBG/NBD in weeks, or BG/NBD where that is likelier.
    spend
        Gamma-Gamma of the spend per purchase day; None where it could not be fitted or its mean is
        infinite: then a customer's own mean is pulled towards everybody's by one purchase.
    mean_amount
        Mean spend per purchase day of everybody.
    status
        ``boundary`` when a parameter ran to the edge of what is searched.
    """

    rhythm: BetaGeometricNBD
    spend: GammaGamma | None
    mean_amount: float
    status: Status

    @classmethod
    def of(cls, history: History) -> Self | None:
        """Fit both; None when the purchases cannot carry it."""
        if len(history) > POPULATION_ROWS:
            # evenly over rows that lie in the order of a hash or an id: no part is favoured
            rows = np.zeros(len(history), dtype=np.bool_)
            rows[np.linspace(0, len(history) - 1, POPULATION_ROWS).astype(np.int64)] = True
            history = history.first(rows)
        x, t_x, observed = history.x, history.t_x, history.observed
        try:
            variants = [
                BetaGeometricNBD(modified=kind).fit(x, t_x, observed) for kind in (True, False)
            ]
        except NotEnoughDataError:
            return None
        rhythm = max(variants, key=lambda model: model.log_likelihood_)
        orders = x + 1.0
        mean = significant(float(history.spent.sum() / orders.sum()), 9)
        if mean <= 0:
            return None
        spend: GammaGamma | None = None
        edge = rhythm.parameter_status_ == "boundary"
        try:
            spend = GammaGamma().fit(orders, history.spent / orders)
        except NotEnoughDataError:
            edge = True
        if spend is not None and spend.parameter_status_ == "boundary":
            spend, edge = None, True
        return cls(rhythm, spend, mean, "boundary" if edge else "ok")

    def orders(self, history: History, days: float) -> Floats:
        """Purchase days expected in so many days."""
        return np.round(
            self.rhythm.expected_purchases(
                history.x, history.t_x, history.observed, days / DAYS_PER_WEEK
            ),
            9,
        )

    def active(self, history: History, days: float) -> Floats:
        """Probability of at least one purchase in so many days."""
        return np.round(
            1.0
            - self.rhythm.probability_of_no_purchase(
                history.x, history.t_x, history.observed, days / DAYS_PER_WEEK
            ),
            9,
        )

    def order_value(self, history: History) -> Floats:
        """Spend expected per purchase day."""
        orders, spent = history.x + 1.0, np.maximum(history.spent, 0.0)
        if self.spend is None:
            return np.round((spent + self.mean_amount) / (orders + 1.0), 6)
        return np.round(self.spend.expected_order_value(orders, spent / orders), 6)

    def value(self, history: History, days: float) -> Floats:
        """Spend expected in so many days."""
        return self.orders(history, days) * self.order_value(history)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` needs, ready for JSON."""
        return {
            "modified": self.rhythm.modified,
            "rhythm": self.rhythm.to_parameters(),
            "spend": None if self.spend is None else self.spend.to_parameters(),
            "mean_amount": self.mean_amount,
            "status": self.status,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        return cls(
            BetaGeometricNBD.from_parameters(data["rhythm"], modified=data["modified"]),
            None if data["spend"] is None else GammaGamma.from_parameters(data["spend"]),
            data["mean_amount"],
            data["status"],
        )
