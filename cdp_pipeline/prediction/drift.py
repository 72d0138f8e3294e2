"""Whether today's customers still look like those a model was trained on.

Here belongs the population stability index of every feature and of the score, between the day a
model was trained and the day it scores. Training days themselves are older: that features moved
since then is judged by the backtest, and is no drift.

The index is the sum of (today - then) * log(today / then) over fifths or tenths of the customers
then. By custom below .1 is calm, above .25 worth a look; half a shop's orders missing gives a score
above 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.samples import FEATURES, Samples

if TYPE_CHECKING:
    import duckdb

SCORE = "score"
# Fewer customers than this cannot tell drift from chance.
CUSTOMERS_TO_COMPARE = 100
BLOCK = 1.0


@dataclass(frozen=True)
class Reference:
    """Where the values of each feature, and of the score, lay on the day of training.

    Attributes
    ----------
    borders
        Per feature: borders between groups of about as many customers.
    shares
        Per feature: share of the customers per group, those without a value last.
    customers
        How many there were.
    """

    borders: Mapping[str, list[float]]
    shares: Mapping[str, list[float]]
    customers: int

    @classmethod
    def of(cls, samples: Samples, score: Floats | None) -> Self:
        """Describe the customers of one day and their scores."""
        columns = _columns(samples, score)
        if len(samples) == 0:
            return cls({}, {}, 0)
        groups = 10 if len(samples) >= 1000 else 5
        places = [number / groups for number in range(1, groups)]
        borders, shares = {}, {}
        for name, values in columns.items():
            known = values[np.isfinite(values)]
            found = np.quantile(known, places, method="inverted_cdf") if len(known) else known
            borders[name] = [significant(float(value), 9) for value in np.unique(found)]
            shares[name] = [round(value, 9) for value in _shares(values, borders[name]).tolist()]
        return cls(borders, shares, len(samples))

    def index(self, samples: Samples, score: Floats | None) -> dict[str, float]:
        """Return the index per feature, and of the score, of the customers of another day."""
        if min(self.customers, len(samples)) < CUSTOMERS_TO_COMPARE:
            return {}
        columns = _columns(samples, score)
        return {
            name: self._one(name, columns[name]) for name in sorted(self.borders) if name in columns
        }

    def _one(self, name: str, values: Floats) -> float:
        then = np.array(self.shares[name])
        now = _shares(values, self.borders[name])
        floor = 0.5 / min(self.customers, len(values))
        parts = (now - then) * np.log(np.maximum(now, floor) / np.maximum(then, floor))
        # what as many customers drawn twice from one business would show
        chance = (len(then) - 1) * (1.0 / self.customers + 1.0 / len(values))
        return round(max(float(parts.sum()) - chance, 0.0), 6)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` needs, ready for JSON."""
        return {
            "borders": dict(self.borders),
            "shares": dict(self.shares),
            "customers": self.customers,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        return cls(data["borders"], data["shares"], data["customers"])


def too_far(index: Mapping[str, float], limit: float) -> bool:
    """Return whether the score moved so far that it is not to be published."""
    return index.get(SCORE, 0.0) > limit


def drift_sql(con: duckdb.DuckDBPyConnection, model_name: str, index: Mapping[str, float]) -> str:
    """Return the SELECT of a model's drift: one row per feature, and one of the score."""
    rows = [(model_name, name, value) for name, value in sorted(index.items())]
    table = f"{model_name}_drift_rows"
    con.execute(
        f"create or replace temp table {table} "
        "(model_name varchar, feature varchar, stability_index double)"
    ).fetchall()
    for row in rows:
        con.execute(f"insert into {table} values (?, ?, ?)", list(row)).fetchall()
    return table


def _columns(samples: Samples, score: Floats | None) -> dict[str, Floats]:
    columns = {name: samples.values[name] for name in FEATURES}
    return columns if score is None else {**columns, SCORE: score}


def _shares(values: Floats, borders: list[float]) -> Floats:
    """Return the share of the values per group; those not known are the last group."""
    known = np.isfinite(values)
    # rounded like the borders, or a value on one would change sides
    rounded = np.array(borders)
    group = np.where(known, np.searchsorted(rounded, values, side="left"), len(borders) + 1)
    return np.bincount(group, minlength=len(borders) + 2) / max(len(values), 1)
