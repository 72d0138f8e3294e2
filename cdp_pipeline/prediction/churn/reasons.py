"""Why a score is what it is, in words and from the customer's own columns.

Here belong the reasons a reader may see, which columns speak for each, and the additive model that
shares out a score among them. It is fitted to the exported score, whichever model made it, so the
reasons explain that score; how much of it they explain is in the model card. They say what goes
along with the risk, never what causes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.samples import FEATURES, linear_columns

REASONS_PER_CUSTOMER = 3
# In log odds: less than this moves a risk of one half by one point.
SMALLEST_CONTRIBUTION = 0.04

# Code of each reason and the columns that speak for it. Codes are stable: files and audiences
# built on them must not break when a text is reworded.
REASONS: Mapping[str, tuple[str, ...]] = {
    "silence": ("recency_days", "days_overdue_ratio", "expected_gap_days"),
    "frequency": ("repeat_count", "year_purchase_day_count"),
    "trend": ("recent_purchase_day_count", "earlier_purchase_day_count"),
    "spend": ("year_spend_amount", "spent_amount", "last_order_amount", "mean_order_amount"),
    "tenure": ("tenure_days", "active_span_days"),
    "rhythm": ("last_gap_days", "gap_deviation_days"),
    "breadth": ("category_count", "channel_count"),
    "returns": ("year_return_line_count", "return_ratio"),
    "discounts": ("discounted_line_ratio",),
    "messages": ("message_count", "opened_message_count", "clicked_message_count"),
    "service": ("ticket_count", "open_ticket_count"),
}


@dataclass(frozen=True)
class Explainer:
    """Shares of the reasons in the log odds of a score, against the average customer.

    Attributes
    ----------
    means, scales, weights
        Per feature, in the order of ``FEATURES``.
    fidelity
        Share of the score's variance among customers that the reasons explain.
    """

    means: list[float]
    scales: list[float]
    weights: list[float]
    fidelity: float

    @classmethod
    def fit(cls, matrix: Floats, log_odds: Floats) -> Self:
        """Fit to the log odds of the exported score of customers."""
        columns = _columns(matrix)
        known = np.isfinite(columns)
        counts = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, columns, 0.0).sum(axis=0) / counts
        centred = np.where(known, columns - means, 0.0)
        scales = np.sqrt((centred**2).sum(axis=0) / counts)
        useful = scales > 1e-9
        scales = np.where(useful, scales, 1.0)
        scaled = centred / scales
        target = log_odds - log_odds.mean()
        # The pull shares a score out evenly among columns that say the same.
        pull = np.diag(np.full(scaled.shape[1], 0.02 * len(scaled) + 1.0))
        weights = np.where(
            useful, np.linalg.solve(scaled.T @ scaled + pull, scaled.T @ target), 0.0
        )
        spread = float((target**2).sum())
        rest = float(((target - scaled @ weights) ** 2).sum())
        return cls(
            [significant(float(value), 9) for value in means],
            [significant(float(value), 9) for value in scales],
            [significant(float(value), 9) for value in weights],
            round(1.0 - rest / spread, 4) if spread > 1e-9 else 0.0,
        )

    def strongest(self, matrix: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Return the strongest reasons of each row, and what each adds to the log odds.

        Returns
        -------
        reasons
            Position in ``REASONS``, one column per rank; -1 where nothing is left to say.
        contributions
            Above zero raises the risk against the average customer, below lowers it.
        """
        columns = _columns(matrix)
        scaled = (columns - np.array(self.means)) / np.array(self.scales)
        parts = np.where(np.isfinite(scaled), scaled, 0.0) * np.array(self.weights)
        names = list(FEATURES)
        shares = np.stack(
            [
                parts[:, [names.index(name) for name in group]].sum(axis=1)
                for group in REASONS.values()
            ],
            axis=1,
        ).round(6)
        order = np.argsort(-np.abs(shares), axis=1, kind="stable")[:, :REASONS_PER_CUSTOMER]
        contributions = np.take_along_axis(shares, order, axis=1)
        reasons = np.where(np.abs(contributions) < SMALLEST_CONTRIBUTION, -1, order)
        return reasons.astype(np.int64), contributions

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, ready for JSON."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        return cls(**data)


def reason_text_sql(code: str, raises: str, medians: Mapping[str, float]) -> str:
    """Return an SQL expression that says a reason in words.

    Parameters
    ----------
    code, raises
        SQL expressions: the code of the reason, and whether it raises the risk.
    medians
        Of the population, per feature: half of the customers have at most that.
    """
    half = "half of all: at most"
    usual = {name: f"{value:.0f}" for name, value in medians.items()}
    texts = {
        "silence": """
            case
                when features.repeat_count = 0
                    then format('bought once, {} days ago', features.recency_days)
                else format(
                    'last bought {} days ago, {:.1f} times the usual gap of {:.0f} days',
                    features.recency_days, features.days_overdue_ratio, features.expected_gap_days
                )
            end""",
        "frequency": f"""
            format(
                'purchase days in the last 365 days: {{}}'
                || ' ({half} {usual["year_purchase_day_count"]}), ever: {{}}',
                features.year_purchase_day_count, features.repeat_count + 1
            )""",
        "trend": """
            format(
                'purchase days in the last {} days: {}, in the {} days before: {}',
                features.horizon_days, features.recent_purchase_day_count,
                features.horizon_days, features.earlier_purchase_day_count
            )""",
        "spend": f"""
            format(
                'spent {{:.0f}} {{}} in the last 365 days ({half} {usual["year_spend_amount"]})'
                || ' and {{:.0f}} per purchase day ({half} {usual["mean_order_amount"]})',
                cast(features.year_spend_amount as double), cutoffs.home_currency,
                features.mean_order_amount
            )""",
        "tenure": f"""
            format(
                'first bought {{}} days ago ({half} {usual["tenure_days"]})',
                features.tenure_days
            )""",
        "rhythm": """
            case
                when features.repeat_count = 0 then 'no second purchase yet, so no rhythm'
                when features.repeat_count = 1
                    then format('{} days between the two purchases', features.last_gap_days)
                else format(
                    '{} days between the last two purchases, gaps vary by {:.0f} days',
                    features.last_gap_days, features.gap_deviation_days
                )
            end""",
        "breadth": f"""
            format(
                'categories bought from: {{}} ({half} {usual["category_count"]})'
                || ', channels: {{}} ({half} {usual["channel_count"]})',
                features.category_count, features.channel_count
            )""",
        "returns": """
            format(
                'lines returned in the last 365 days: {}, of all spending ever {:.0f} %',
                features.year_return_line_count, 100 * coalesce(features.return_ratio, 0)
            )""",
        "discounts": """
            format(
                '{:.0f} % of the lines bought at a discount',
                100 * coalesce(features.discounted_line_ratio, 0)
            )""",
        "messages": """
            format(
                'opened {} and clicked {} of {} messages in the last 180 days',
                features.opened_message_count, features.clicked_message_count,
                features.message_count
            )""",
        "service": """
            format(
                'tickets in the last 365 days: {}, of them open: {}',
                features.ticket_count, features.open_ticket_count
            )""",
    }
    cases = "\n".join(f"when '{name}' then {text}" for name, text in texts.items())
    return (
        f"case when {code} is null then null else "
        f"case when {raises} then 'Raises the risk: ' else 'Lowers the risk: ' end || "
        f"case {code}\n{cases}\nend end"
    )


def _columns(matrix: Floats) -> Floats:
    return linear_columns(matrix)[:, : len(FEATURES)]
