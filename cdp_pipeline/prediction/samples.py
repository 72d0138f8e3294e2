"""The feature table as arrays: who, when, what was known, and what came of it.

Here belongs reading ``prediction.churn_cutoffs`` and ``prediction.churn_features`` in a fixed
order, what is known of the population on a cut-off without its outcome (rhythm, score borders,
medians), and the columns a learner sees. What is learned from them is in ``learners``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import BetaGeometricNBD, Floats, NotEnoughDataError, significant

if TYPE_CHECKING:
    import duckdb

FOLDS = 5
# A population is described by so many customers at most; more change no digit that matters.
POPULATION_ROWS = 50_000
DAYS_PER_WEEK = 7.0

Transform = Literal["log", "as_is"]

# The columns of churn_features a model may read, and how a linear model takes them. Counts, days
# and amounts are felt by ratio, so their logs are used.
FEATURES: Mapping[str, Transform] = {
    "recency_days": "log",
    "tenure_days": "log",
    "active_span_days": "log",
    "repeat_count": "log",
    "last_gap_days": "log",
    "recent_purchase_day_count": "log",
    "earlier_purchase_day_count": "log",
    "year_purchase_day_count": "log",
    "category_count": "log",
    "channel_count": "as_is",
    "year_return_line_count": "log",
    "message_count": "log",
    "opened_message_count": "log",
    "clicked_message_count": "log",
    "ticket_count": "log",
    "open_ticket_count": "log",
    "year_spend_amount": "log",
    "spent_amount": "log",
    "last_order_amount": "log",
    "mean_order_amount": "log",
    "expected_gap_days": "log",
    "days_overdue_ratio": "log",
    "gap_deviation_days": "log",
    "discounted_line_ratio": "as_is",
    "return_ratio": "as_is",
}
NO_PURCHASE_ODDS = "mbg_no_purchase_log_odds"
DESIGN_COLUMNS = (*FEATURES, NO_PURCHASE_ODDS)

# The baselines, and the columns each is made of.
BASELINES: Mapping[str, tuple[str, ...]] = {
    "recency": ("recency_days",),
    "rfm_sum": ("recency_days", "repeat_count", "spent_amount"),
    "mbg_nbd": ("repeat_count", "active_span_days", "tenure_days"),
}


@dataclass(frozen=True)
class Cutoff:
    """One row of ``prediction.churn_cutoffs``."""

    cutoff_on: date
    role: Literal["train", "judge", "score"]
    horizon_days: int
    label_until_on: date | None
    as_of_on: date
    home_currency: str


@dataclass(frozen=True)
class Samples:
    """Rows of ``prediction.churn_features`` in the order of cut-off and customer.

    Attributes
    ----------
    cutoff_on
        Cut-off of each row, as days since 1970.
    customer
        Number of the customer within this object, equal on all cut-offs.
    fold, draw
        Which fifth and which thousandth of the customers this one belongs to, by hash.
    values
        One column per feature; nan where the table has null.
    churned
        1 when no purchase came in the horizon, 0 when one did, nan when not known yet.
    """

    cutoff_on: NDArray[np.int64]
    customer: NDArray[np.int64]
    fold: NDArray[np.int64]
    draw: NDArray[np.int64]
    values: Mapping[str, Floats]
    churned: Floats
    horizon_days: Floats

    def __len__(self) -> int:
        return len(self.cutoff_on)

    def where(self, rows: NDArray[np.bool_]) -> Samples:
        """Keep some rows, in the same order."""
        return Samples(
            self.cutoff_on[rows],
            self.customer[rows],
            self.fold[rows],
            self.draw[rows],
            {name: column[rows] for name, column in self.values.items()},
            self.churned[rows],
            self.horizon_days[rows],
        )

    def on(self, days: list[date]) -> Samples:
        """Keep the rows of some cut-offs."""
        return self.where(np.isin(self.cutoff_on, [day_number(day) for day in days]))

    def at_most(self, rows: int) -> Samples:
        """Keep whole customers, drawn by their hash, so that about so many rows are left."""
        if len(self) <= rows:
            return self
        return self.where(self.draw < max(1, int(1000 * rows / len(self))))


def read_cutoffs(con: duckdb.DuckDBPyConnection) -> list[Cutoff]:
    """Read ``prediction.churn_cutoffs``, oldest first."""
    rows = con.sql(
        "select cutoff_on, role, horizon_days, label_until_on, as_of_on, home_currency "
        "from prediction.churn_cutoffs order by cutoff_on"
    ).fetchall()
    return [Cutoff(*row) for row in rows]


def read_samples(con: duckdb.DuckDBPyConnection, days: list[date], *, seed: int) -> Samples:
    """Read the features of some cut-offs in the order of cut-off and customer."""
    columns = ", ".join(f"cast({name} as double) as {name}" for name in FEATURES)
    table = con.sql(
        f"""
        select
            date_diff('day', date '1970-01-01', cutoff_on) as cutoff_on,
            dense_rank() over (order by customer_id) as customer,
            cast(md5_number_lower(customer_id || ':{seed}') % {FOLDS} as bigint) as fold,
            cast(md5_number_upper(customer_id || ':{seed}') % 1000 as bigint) as draw,
            cast(not has_purchase_in_horizon as double) as churned,
            cast(horizon_days as double) as horizon_days,
            {columns},
        from prediction.churn_features
        where list_contains({date_list(days)}, cutoff_on)
        order by cutoff_on, customer_id
        """
    ).to_arrow_table()

    def column(name: str, kind: type) -> Any:
        return np.asarray(table.column(name).to_numpy(zero_copy_only=False), dtype=kind)

    return Samples(
        column("cutoff_on", np.int64),
        column("customer", np.int64),
        column("fold", np.int64),
        column("draw", np.int64),
        {name: column(name, np.float64) for name in FEATURES},
        column("churned", np.float64),
        column("horizon_days", np.float64),
    )


@dataclass(frozen=True)
class Population:
    """What a cut-off says about everybody without telling any outcome.

    Attributes
    ----------
    rhythm
        MBG/NBD of everybody's purchases, in weeks; None when the purchases cannot carry it.
    rhythm_note
        Why there is none, else empty.
    score_borders
        Borders of the five scores of recency, frequency and monetary value.
    medians
        Of every feature, as the yardstick of reasons.
    """

    rhythm: BetaGeometricNBD | None
    rhythm_note: str
    score_borders: Mapping[str, list[float]]
    medians: Mapping[str, float]

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """Describe the rows of one cut-off; outcomes are not looked at."""
        samples = samples.at_most(POPULATION_ROWS)
        rhythm: BetaGeometricNBD | None = None
        note = ""
        try:
            rhythm = BetaGeometricNBD(modified=True).fit(*_history(samples))
            if rhythm.parameter_status_ == "boundary":
                note = "MBG/NBD ran to the edge of its parameters: used for ranking only"
        except NotEnoughDataError as error:
            note = str(error)
        borders = {
            name: [
                float(np.quantile(samples.values[name], share, method="inverted_cdf"))
                for share in (0.2, 0.4, 0.6, 0.8)
            ]
            for name in ("recency_days", "repeat_count", "spent_amount")
        }
        medians = {
            name: significant(float(np.nanquantile(column, 0.5, method="inverted_cdf")), 9)
            if np.isfinite(column).any()
            else 0.0
            for name, column in samples.values.items()
        }
        return cls(rhythm, note, borders, medians)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` needs, ready for JSON."""
        return {
            "rhythm": None if self.rhythm is None else self.rhythm.to_parameters(),
            "rhythm_note": self.rhythm_note,
            "score_borders": dict(self.score_borders),
            "medians": dict(self.medians),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        rhythm = data["rhythm"]
        return cls(
            None if rhythm is None else BetaGeometricNBD.from_parameters(rhythm, modified=True),
            data["rhythm_note"],
            data["score_borders"],
            data["medians"],
        )

    def no_purchase(self, samples: Samples) -> Floats:
        """MBG/NBD probability of no purchase in the horizon; one half where there is no fit."""
        if self.rhythm is None:
            return np.full(len(samples), 0.5)
        x, t_x, observed = _history(samples)
        chance = self.rhythm.probability_of_no_purchase(
            x, t_x, observed, samples.horizon_days / DAYS_PER_WEEK
        )
        return np.asarray(np.round(chance, 9).clip(1e-6, 1.0 - 1e-6))

    def baseline(self, name: str, samples: Samples) -> Floats:
        """Score of a baseline, between 0 and 1 and not yet calibrated."""
        if name == "mbg_nbd":
            return self.no_purchase(samples)
        recency = samples.values["recency_days"]
        if name == "recency":
            return np.asarray((recency + 0.5) / (recency + samples.horizon_days + 1.0))
        if name == "rfm_sum":
            total = 15.0 - sum(
                np.searchsorted(borders, samples.values[column], side="left").astype(np.float64)
                * (-1.0 if column == "recency_days" else 1.0)
                + (5.0 if column == "recency_days" else 1.0)
                for column, borders in self.score_borders.items()
            )
            return np.asarray((total + 0.5) / 13.0)
        raise ValueError(f"unknown baseline {name!r}; known are {', '.join(BASELINES)}")


def design(samples: Samples, populations: Mapping[int, Population]) -> Floats:
    """Return the matrix a learner sees: the features and the odds of the MBG/NBD model.

    Parameters
    ----------
    populations
        Population of each cut-off in ``samples``, by its day number.
    """
    matrix = np.empty((len(samples), len(DESIGN_COLUMNS)))
    for position, name in enumerate(FEATURES):
        matrix[:, position] = samples.values[name]
    for day, population in populations.items():
        rows = samples.cutoff_on == day
        if rows.any():
            chance = population.no_purchase(samples.where(rows))
            matrix[rows, -1] = np.log(chance) - np.log1p(-chance)
    return matrix


def linear_columns(matrix: Floats) -> Floats:
    """Return the design as a linear model takes it: logs where ratios are felt, nulls still nan."""
    columns = matrix.copy()
    for position, transform in enumerate(FEATURES.values()):
        if transform == "log":
            column = columns[:, position]
            # returns can push an amount below zero
            columns[:, position] = np.sign(column) * np.log1p(np.abs(column))
    return columns


def _history(samples: Samples) -> tuple[Floats, Floats, Floats]:
    """Return x, t_x and T in weeks."""
    return (
        samples.values["repeat_count"],
        samples.values["active_span_days"] / DAYS_PER_WEEK,
        samples.values["tenure_days"] / DAYS_PER_WEEK,
    )


def day_number(day: date) -> int:
    """Return the days since 1970 of a day."""
    return (day - date(1970, 1, 1)).days


def date_list(days: list[date]) -> str:
    """Return an SQL list of days."""
    return "[" + ", ".join(f"date '{day.isoformat()}'" for day in days) + "]::date[]"
