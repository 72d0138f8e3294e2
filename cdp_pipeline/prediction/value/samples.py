"""The tables value reads as arrays: the features of churn, and what was bought and spent after.

Here belongs reading ``prediction.value_features`` beside ``prediction.churn_features``, and
``prediction.value_years``. What is learned from them is in ``learners`` and ``buying``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.samples import DAYS_PER_WEEK, Samples, date_list, read_samples

if TYPE_CHECKING:
    import duckdb


DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class History:
    """Purchases of customers up to a day, as the models of buying take them.

    Attributes
    ----------
    x, t_x, observed
        Repeat purchase days, weeks from the first to the last purchase and weeks since the first.
    spent
        Spent on all of them.
    """

    x: Floats
    t_x: Floats
    observed: Floats
    spent: Floats

    @classmethod
    def of(cls, samples: Samples) -> History:
        """Read it off the features."""
        values = samples.values
        return cls(
            values["repeat_count"],
            values["active_span_days"] / DAYS_PER_WEEK,
            values["tenure_days"] / DAYS_PER_WEEK,
            np.nan_to_num(values["spent_amount"]),
        )

    def __len__(self) -> int:
        return len(self.x)

    def first(self, rows: NDArray[np.bool_]) -> History:
        """Keep some customers."""
        return History(self.x[rows], self.t_x[rows], self.observed[rows], self.spent[rows])


@dataclass(frozen=True)
class ValueSamples:
    """Rows of one or more cut-offs with what came of them.

    Attributes
    ----------
    samples
        The features, as churn reads them.
    bought, spent
        Purchase days and spend within the horizon; nan where not known yet.
    margin, spend_with_margin
        Margin ever earned, and the spend it was earned with; nan where no cost is known.
    """

    samples: Samples
    bought: Floats
    spent: Floats
    margin: Floats
    spend_with_margin: Floats

    def __len__(self) -> int:
        return len(self.samples)

    def where(self, rows: NDArray[np.bool_]) -> ValueSamples:
        """Keep some rows, in the same order."""
        return ValueSamples(
            self.samples.where(rows),
            self.bought[rows],
            self.spent[rows],
            self.margin[rows],
            self.spend_with_margin[rows],
        )

    def at_most(self, rows: int) -> ValueSamples:
        """Keep whole customers, drawn by their hash, so that about so many rows are left."""
        if len(self) <= rows:
            return self
        return self.where(self.samples.draw < max(1, int(1000 * rows / len(self))))

    def by_day(self) -> list[tuple[int, ValueSamples]]:
        """Return the rows of each cut-off, oldest first."""
        days = np.unique(self.samples.cutoff_on).tolist()
        return [(day, self.where(self.samples.cutoff_on == day)) for day in days]

    @property
    def buyers(self) -> int:
        """Customers who spent anything within a horizon."""
        return len(np.unique(self.samples.customer[self.spent > 0]))


def read_value_samples(
    con: duckdb.DuckDBPyConnection, days: list[date], *, seed: int
) -> ValueSamples:
    """Read features and outcomes of some cut-offs in the order of cut-off and customer."""
    samples = read_samples(con, days, seed=seed)
    columns = (
        "purchase_days_in_horizon",
        "spend_in_horizon_amount",
        "margin_amount",
        "spend_with_margin_amount",
    )
    table = con.sql(
        f"""
        select {", ".join(f"cast({name} as double) as {name}" for name in columns)}
        from prediction.value_features
        where list_contains({date_list(days)}, cutoff_on)
        order by cutoff_on, customer_id
        """
    ).to_arrow_table()
    if len(table) != len(samples):
        raise ValueError(
            f"prediction.value_features has {len(table)} rows where prediction.churn_features has "
            f"{len(samples)}: make both again"
        )

    def column(name: str) -> Floats:
        values: Any = table.column(name).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)

    return ValueSamples(samples, *(column(name) for name in columns))


def recent_spend(samples: Samples) -> Floats:
    """Return what the spend of the last year says for the horizon, without any model."""
    spend = np.maximum(np.nan_to_num(samples.values["year_spend_amount"]), 0.0)
    known = np.clip(samples.values["tenure_days"], samples.horizon_days, DAYS_PER_YEAR)
    return np.asarray(spend * samples.horizon_days / known)


@dataclass(frozen=True)
class Year:
    """A day of a year ago: what was known of customers, and what they spent in the year after."""

    cutoff_on: date
    history: History
    spent: Floats


def read_years(con: duckdb.DuckDBPyConnection) -> list[Year]:
    """Read ``prediction.value_years``, oldest first."""
    table = con.sql(
        f"""
        select
            cutoff_on,
            cast(repeat_count as double) as x,
            active_span_days / {DAYS_PER_WEEK} as t_x,
            tenure_days / {DAYS_PER_WEEK} as observed,
            cast(spent_amount as double) as known,
            cast(spend_in_year_amount as double) as spent,
        from prediction.value_years order by cutoff_on, customer_id
        """
    ).fetchnumpy()
    days = table["cutoff_on"]
    years = []
    for day in np.unique(days):
        here = days == day
        known = History(*(_floats(table[name][here]) for name in ("x", "t_x", "observed", "known")))
        years.append(Year(day.astype("datetime64[D]").item(), known, _floats(table["spent"][here])))
    return years


def _floats(column: Any) -> Floats:
    return np.asarray(column, dtype=np.float64)
