"""A trained model of customer value: what forecasts, its card, and its form as bytes.

Here belongs the object that is kept between runs and how it turns features into amounts. Making one
is in ``train``, the table of values in ``score``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.drift import Reference
from cdp_pipeline.prediction.samples import Samples
from cdp_pipeline.prediction.value.buying import Buying, Status
from cdp_pipeline.prediction.value.intervals import ValueSpread, as_json, from_json
from cdp_pipeline.prediction.value.learners import TwoParts, third_of, value_design
from cdp_pipeline.prediction.value.samples import History

FORMAT = 1
DAYS_OF_YEAR = 365


@dataclass(frozen=True)
class Average:
    """What the average customer does in the horizon, with the interval of the spend."""

    orders: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ValueModel:
    """A trained model of value.

    Attributes
    ----------
    method
        ``bgnbd_gamma_gamma``, ``learned``, ``mean_of_both``, ``average`` or ``none``.
    horizon_days
        The horizon it was trained for; it forecasts no other, the year excepted.
    factor
        On the forecast of the models of buying.
    powers, scales
        That bend the forecast of the models of buying, and the learners' figure, to amounts.
    year_factor
        As ``factor`` for 365 days; None where a year could not be judged.
    reference
        What the customers looked like on the day of training.
    card
        The model card, ready for JSON.
    """

    method: str
    parameter_status: Status
    horizon_days: int
    buying: Buying | None
    factor: float
    powers: tuple[float, float]
    scales: tuple[float, float]
    members: list[TwoParts] = field(repr=False)
    spread: ValueSpread | None
    year_factor: float | None
    year_spread: ValueSpread | None
    average: Average | None
    reference: Reference = field(repr=False)
    card: dict[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """Twelve hex digits that name this model, whatever became of it later."""
        body = self._body()
        card = {name: part for name, part in body["card"].items() if name != "life"}
        text = json.dumps({**body, "card": card}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def ranks(self) -> bool:
        """Whether the order of its forecasts was judged on later days, and they differ at all."""
        return self.average is None and bool(self.card.get("judged_rows"))

    def to_bytes(self) -> bytes:
        """Return the model as JSON: nothing in it runs when it is opened."""
        return json.dumps(
            {"version": self.version, **self._body()}, sort_keys=True, separators=(",", ":")
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ValueModel:
        """Undo ``to_bytes``."""
        body = json.loads(data)
        if body.get("format") != FORMAT:
            raise ValueError(
                f"this value model has format {body.get('format')}, this program reads {FORMAT}: "
                "train it again"
            )
        return cls(
            body["method"],
            body["parameter_status"],
            body["horizon_days"],
            None if body["buying"] is None else Buying.from_dict(body["buying"]),
            body["factor"],
            (body["powers"][0], body["powers"][1]),
            (body["scales"][0], body["scales"][1]),
            [TwoParts.from_dict(member) for member in body["members"]],
            from_json(body["spread"]),
            body["year_factor"],
            from_json(body["year_spread"]),
            None if body["average"] is None else Average(**body["average"]),
            Reference.from_dict(body["reference"]),
            body["card"],
        )

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "method": self.method,
            "parameter_status": self.parameter_status,
            "horizon_days": self.horizon_days,
            "buying": None if self.buying is None else self.buying.to_dict(),
            "factor": self.factor,
            "powers": list(self.powers),
            "scales": list(self.scales),
            "members": [member.to_dict() for member in self.members],
            "spread": as_json(self.spread),
            "year_factor": self.year_factor,
            "year_spread": as_json(self.year_spread),
            "average": None if self.average is None else vars(self.average),
            "reference": self.reference.to_dict(),
            "card": self.card,
        }

    def predict(self, samples: Samples, *, held_out: bool = False) -> Floats | None:
        """Return the spend expected in the horizon per row of one cut-off; None without a forecast.

        Parameters
        ----------
        held_out
            Whether each row is forecast by the learners that did not see its customer.
        """
        if self.method == "none":
            return None
        if self.average is not None:
            return np.full(len(samples), self.average.value)
        assert self.buying is not None
        bought = self.buying.value(History.of(samples), self.horizon_days)
        bought = np.maximum(bought, 0.0) ** self.powers[0] * self.scales[0]
        if not self.members:
            return bought
        matrix = value_design(samples, self.buying, self.horizon_days)
        figures = np.zeros(len(samples))
        for third, member in enumerate(self.members):
            if held_out:
                rows = third_of(samples) == third
                figures[rows] = member.predict(matrix[rows])
            else:
                figures += member.predict(matrix) / len(self.members)
        learned = figures ** self.powers[1] * self.scales[1]
        return learned if self.method == "learned" else (bought + learned) / 2.0

    def interval(self, value: Floats) -> tuple[Floats, Floats]:
        """Return the 95 % interval of the mean spend of customers like each."""
        if self.average is not None:
            return np.full(len(value), self.average.low), np.full(len(value), self.average.high)
        assert self.spread is not None
        return self.spread.apply(value)

    def orders_per_buyer(self, samples: Samples) -> tuple[Floats, Floats]:
        """Return the chance of buying at all by BG/NBD, and the purchase days of those who do."""
        if self.buying is None:
            assert self.average is not None
            return np.full(len(samples), np.nan), np.full(len(samples), np.nan)
        history = History.of(samples)
        chance = np.maximum(self.buying.active(history, self.horizon_days), 1e-9)
        orders = self.buying.orders(history, self.horizon_days)
        return chance, np.maximum(orders / chance, 1.0)

    def order_value(self, samples: Samples) -> Floats:
        """Return each customer's usual spend per purchase day, pulled towards everybody's."""
        assert self.buying is not None
        return np.maximum(self.buying.order_value(History.of(samples)), 0.01)

    def year(self, samples: Samples, value: Floats) -> tuple[Floats, Floats] | None:
        """Return by how much purchase days and spend grow from the horizon to 365 days.

        None where no year could be judged.
        """
        if self.buying is None or self.year_factor is None or self.average is not None:
            return None
        history = History.of(samples)
        near = np.maximum(self.buying.orders(history, self.horizon_days), 1e-9)
        growth = np.maximum(self.buying.orders(history, DAYS_OF_YEAR) / near, 1.0)
        return growth, value * growth * self.year_factor / self.factor
