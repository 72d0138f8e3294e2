"""``prediction.subscription_periods`` as arrays, and the columns a learner sees.

Here belongs reading it in a fixed order. What is learned from it is in ``model``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats

if TYPE_CHECKING:
    import duckdb

FOLDS = 5
TENURE_BANDS = (90, 365)
# A plan that fewer past rows had is called other.
ROWS_OF_A_PLAN = 50
OTHER = "other"
COLUMNS = ("tenure", "renewal", "renewal_is_due", "billing", "amount")


@dataclass(frozen=True)
class Periods:
    """Subscriptions on days they ran, in the order of day, source and id.

    Attributes
    ----------
    day
        The cut-off, as days since 1970.
    number
        Number of the subscription, equal on all cut-offs.
    fold
        Which fifth of the subscriptions it belongs to, by hash.
    ended
        1 when it ended within the horizon, 0 when not, nan when not known yet.
    """

    day: NDArray[np.int64]
    number: NDArray[np.int64]
    fold: NDArray[np.int64]
    plan: NDArray[np.object_]
    tenure: Floats
    to_renewal: Floats
    billing: Floats
    amount: Floats
    ended: Floats

    def __len__(self) -> int:
        return len(self.day)

    def where(self, rows: NDArray[np.bool_]) -> Periods:
        """Keep some rows, in the same order."""
        return Periods(*(column[rows] for column in vars(self).values()))

    @property
    def ends(self) -> int:
        """Subscriptions that ended."""
        return len(np.unique(self.number[self.ended == 1.0]))

    def rarer_outcome(self) -> int:
        """Return the number of subscriptions of the rarer outcome."""
        return min(self.ends, len(np.unique(self.number[self.ended == 0.0])))


def read_periods(con: duckdb.DuckDBPyConnection, roles: Sequence[str], *, seed: int) -> Periods:
    """Read the rows of some roles, those whose end is known already left out."""
    wanted = ", ".join(f"'{role}'" for role in roles)
    rows = con.sql(
        f"""
        select
            date_diff('day', date '1970-01-01', cutoff_on) as day,
            dense_rank() over (order by source, subscription_id) as number,
            cast(
                md5_number_lower(source || ':' || subscription_id || ':{seed}') % {FOLDS} as bigint
            ) as fold,
            coalesce(plan, '') as plan,
            cast(tenure_days as double) as tenure,
            coalesce(cast(days_to_renewal as double), 'nan') as to_renewal,
            coalesce(cast(billing_months as double), 'nan') as billing,
            coalesce(cast(recurring_amount as double), 'nan') as amount,
            coalesce(cast(cast(has_ended_in_horizon as integer) as double), 'nan') as ended,
        from prediction.subscription_periods
        where role in ({wanted}) and not is_ending
        order by cutoff_on, source, subscription_id
        """
    ).to_arrow_table()

    def column(name: str, kind: Any) -> Any:
        return np.asarray(rows.column(name).to_numpy(zero_copy_only=False), dtype=kind)

    kinds = {"day": np.int64, "number": np.int64, "fold": np.int64, "plan": object}
    return Periods(*(column(name, kinds.get(name, np.float64)) for name in rows.column_names))


def known_plans(periods: Periods) -> list[str]:
    """Return the plans that enough past rows had, by name."""
    plans, count = np.unique(periods.plan.astype(str), return_counts=True)
    return [str(plan) for plan, rows in zip(plans, count, strict=True) if rows >= ROWS_OF_A_PLAN]


def design(periods: Periods, plans: Sequence[str], horizon: float) -> Floats:
    """Return the matrix a learner sees: five columns and one per plan; unknown values are nan."""
    columns = [
        np.log1p(periods.tenure),
        np.minimum(periods.to_renewal, 400.0) / 90.0,
        np.where(
            np.isfinite(periods.to_renewal), (periods.to_renewal <= horizon).astype(float), np.nan
        ),
        periods.billing,
        np.log1p(np.maximum(periods.amount, 0.0)),
        *((periods.plan == plan).astype(np.float64) for plan in plans),
    ]
    return np.stack(columns, axis=1)


def cells(periods: Periods, plans: Sequence[str]) -> NDArray[np.object_]:
    """Return plan and tenure band of each row as one text."""
    plan = np.where(np.isin(periods.plan.astype(str), list(plans)), periods.plan, OTHER)
    band = np.searchsorted(np.array(TENURE_BANDS), periods.tenure, side="left")
    return np.array([f"{name}|{number}" for name, number in zip(plan, band, strict=True)], object)
