"""Scoring subscriptions: one row per subscription that runs, from the stored model.

Here belongs the table ``prediction.subscription_churn``; nothing is learned here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.metrics import tenths
from cdp_pipeline.prediction.subscriptions.model import LEARNED, SubscriptionModel
from cdp_pipeline.prediction.subscriptions.samples import COLUMNS, Periods, design, read_periods
from cdp_pipeline.prediction.threads import one_numeric_thread

if TYPE_CHECKING:
    import duckdb

# In log odds: less than this moves a risk of one half by a few points.
SMALLEST_CONTRIBUTION = 0.15


def score_subscriptions(con: duckdb.DuckDBPyConnection, model: SubscriptionModel) -> dict[str, str]:
    """Score every subscription that runs today.

    Reads ``sources.run_clock`` and ``prediction.subscription_periods``.

    Returns
    -------
    dict
        ``prediction.subscription_churn`` and the SELECT that gives its rows.
    """
    import pyarrow as pa

    periods = read_periods(con, ["score"], seed=0)
    count = len(periods)
    chance = low = high = baseline = np.full(count, np.nan)
    reasons = np.full(count, None, dtype=object)
    with one_numeric_thread():
        found = model.predict(periods) if count else None
        if found is not None:
            chance, low, high = (np.round(column, 6) for column in found)
            baseline = np.round(model.by_rates(periods).mean(axis=1), 6)
            reasons = _reasons(model, periods)
    table = pa.table(
        {
            "position": np.arange(count),
            "p_churn": chance,
            "p_churn_lo": np.minimum(low, chance),
            "p_churn_hi": np.maximum(high, chance),
            "risk_decile": tenths(chance) if found is not None else np.zeros(count, np.int64),
            "p_churn_baseline": baseline,
            "top_reason": pa.array(reasons.tolist(), pa.string()),
        }
    )
    con.register("subscription_scored_arrow", table)
    con.execute(
        "create or replace temp table subscription_scored as "
        "select * from subscription_scored_arrow"
    ).fetchall()
    con.unregister("subscription_scored_arrow")
    return {"prediction.subscription_churn": _churn_sql(model)}


def _reasons(model: SubscriptionModel, periods: Periods) -> NDArray[np.object_]:
    """Return in words what sets each subscription apart most."""
    horizon = model.horizon_days
    texts = {
        "tenure": [f"runs for {days:.0f} days" for days in periods.tenure],
        "renewal": [f"next payment in {days:.0f} days" for days in periods.to_renewal],
        "renewal_is_due": [
            f"next payment {'within' if days <= horizon else 'later than'} {horizon} days"
            for days in periods.to_renewal
        ],
        "billing": [f"paid every {months:.0f} months" for months in periods.billing],
        "amount": [f"{amount:.2f} per payment" for amount in periods.amount],
    }
    plan = [f"plan {name}" for name in periods.plan]
    if model.method != LEARNED:
        return np.array(
            [f"{name}, {time}" for name, time in zip(plan, texts["tenure"], strict=True)], object
        )
    matrix = design(periods, model.plans, horizon)
    parts = np.mean([line.parts(matrix) for line in model.lines], axis=0)
    whole = np.concatenate(
        [parts[:, : len(COLUMNS)], parts[:, len(COLUMNS) :].sum(axis=1, keepdims=True)], axis=1
    )
    strongest = np.argmax(np.abs(whole).round(6), axis=1)
    columns = [*(texts[name] for name in COLUMNS), plan]
    return np.array(
        [
            f"{'Raises' if whole[row, column] > 0 else 'Lowers'} the risk: {columns[column][row]}"
            if abs(whole[row, column]) >= SMALLEST_CONTRIBUTION
            else None
            for row, column in enumerate(strongest)
        ],
        object,
    )


def _churn_sql(model: SubscriptionModel) -> str:
    """Return the SELECT of ``prediction.subscription_churn`` over the temp table just made."""

    def known(name: str) -> str:
        return f"case when isnan(scored.{name}) then null else scored.{name} end as {name}"

    return f"""
        with today as (
            select
                periods.*,
                case when not is_ending then
                    row_number() over (
                        partition by is_ending order by source, subscription_id
                    ) - 1
                end as position
            from prediction.subscription_periods as periods
            where role = 'score'
        )
        select
            today.source,
            today.subscription_id,
            today.customer_id,
            clock.as_of_on,
            today.plan,
            today.horizon_days,
            {known("p_churn")},
            {known("p_churn_lo")},
            {known("p_churn_hi")},
            case when not isnan(scored.p_churn) then cast(scored.risk_decile as integer) end
                as risk_decile,
            {known("p_churn_baseline")},
            scored.top_reason,
            '{model.method}' as method,
            coalesce(not isnan(scored.p_churn), false) as is_scored,
            case
                when today.is_ending then 'already_ending'
                when not isnan(scored.p_churn) then null
                else 'not_enough_history'
            end as not_scored_reason,
            '{model.version}' as model_version
        from today
        cross join sources.run_clock as clock
        left join subscription_scored as scored on today.position = scored.position
    """
