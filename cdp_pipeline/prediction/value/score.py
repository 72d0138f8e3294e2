"""Scoring value: one row per customer from the stored model.

Here belongs the table ``prediction.customer_value``. What an amount is made of is in ``model``;
nothing is learned here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.drift import BLOCK, drift_sql, too_far
from cdp_pipeline.prediction.metrics import tenths
from cdp_pipeline.prediction.samples import Cutoff, read_cutoffs
from cdp_pipeline.prediction.threads import one_numeric_thread
from cdp_pipeline.prediction.value.model import DAYS_OF_YEAR, ValueModel
from cdp_pipeline.prediction.value.samples import (
    ValueSamples,
    read_value_samples,
    recent_spend,
)

if TYPE_CHECKING:
    import duckdb

AMOUNT_DIGITS = 2
SHARE_DIGITS = 6
# A purchase so many times larger or smaller than a customer's usual one is not expected.
UNUSUAL_ORDER_VALUE = 3.0
# A customer's own margin counts as much as everybody's once so many mean purchases showed it.
PURCHASES_OF_EVERYBODY = 3.0
# Below this share of spend with a known cost, everybody's margin is a guess.
LEAST_MARGIN_KNOWN = 0.5


def score_value(
    con: duckdb.DuckDBPyConnection, model: ValueModel, *, drift_limit: float = BLOCK
) -> dict[str, str]:
    """Forecast every customer as of today.

    Reads ``prediction.churn_cutoffs``, ``prediction.churn_features``,
    ``prediction.value_features``, ``prediction.churn_predictions`` and ``identity.identity_map``.

    Parameters
    ----------
    drift_limit
        Stability index of the value beyond which none is published.

    Returns
    -------
    dict
        ``prediction.customer_value`` and the SELECT that gives its rows, one per customer of the
        identity map; those who cannot be scored say why. ``prediction.value_drift``: how far
        today's customers lie from those of the day of training.
    """
    import pyarrow as pa

    cutoffs = read_cutoffs(con)
    if not cutoffs or cutoffs[-1].role != "score":
        raise ValueError("prediction.churn_cutoffs has no day to score: run churn_cutoffs again")
    today = cutoffs[-1]
    samples = read_value_samples(con, [today.cutoff_on], seed=0)
    by_churn = con.sql(
        f"""
        select
            features.customer_id,
            case
                when predictions.horizon_days = {model.horizon_days} then 1 - predictions.p_churn
            end as p_active,
        from prediction.churn_features as features
        left join prediction.churn_predictions as predictions
            on features.customer_id = predictions.customer_id
        where features.cutoff_on = date '{today.cutoff_on.isoformat()}'
        order by features.customer_id
        """
    ).to_arrow_table()
    chance = np.asarray(
        by_churn.column("p_active").to_numpy(zero_copy_only=False), dtype=np.float64
    )
    with one_numeric_thread():
        columns, drift = _valued(model, samples, today, chance, drift_limit)
        drifted = too_far(drift, drift_limit)
    con.register(
        "value_scored_arrow",
        pa.table({"customer_id": by_churn.column("customer_id"), **columns}),
    )
    con.execute(
        "create or replace temp table value_scored as select * from value_scored_arrow"
    ).fetchall()
    con.unregister("value_scored_arrow")
    out_of_date = drifted or model.horizon_days != today.horizon_days
    return {
        "prediction.customer_value": _value_sql(model, out_of_date=out_of_date),
        "prediction.value_drift": drift_sql(con, "customer_value", drift),
    }


_COLUMNS = (
    "expected_orders",
    "expected_order_value",
    "expected_value",
    "expected_value_lo",
    "expected_value_hi",
    "expected_margin",
    "p_active",
    "expected_orders_365_days",
    "expected_value_365_days",
    "expected_value_365_days_lo",
    "expected_value_365_days_hi",
    "expected_value_baseline",
    "value_decile",
)


def _valued(
    model: ValueModel, samples: ValueSamples, today: Cutoff, by_churn: Floats, drift_limit: float
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the columns of each customer with features, null where drift forbids them; and it."""
    columns: dict[str, Any] = {name: np.full(len(samples), np.nan) for name in _COLUMNS}
    # A model of another horizon answers another question; needs_training says so in time.
    if len(samples) == 0 or model.horizon_days != today.horizon_days:
        return columns, {}
    value = model.predict(samples.samples)
    drift = model.reference.index(samples.samples, value)
    if value is None or too_far(drift, drift_limit):
        return columns, drift
    value = np.round(value, AMOUNT_DIGITS)
    low, high = model.interval(value)
    chance, orders = _buying(model, samples, value, by_churn)
    columns |= {
        "expected_orders": np.round(orders, SHARE_DIGITS),
        "expected_order_value": np.round(value / np.maximum(orders, 1e-9), AMOUNT_DIGITS),
        "expected_value": value,
        "expected_value_lo": np.minimum(np.round(low, AMOUNT_DIGITS), value),
        "expected_value_hi": np.maximum(np.round(high, AMOUNT_DIGITS), value),
        "expected_margin": np.round(value * _margin_ratio(samples), AMOUNT_DIGITS),
        "p_active": np.round(chance, SHARE_DIGITS),
        "expected_value_baseline": np.round(recent_spend(samples.samples), AMOUNT_DIGITS),
    }
    if model.ranks:
        columns["value_decile"] = tenths(value).astype(np.float64)
    if model.average is None:
        columns |= _year(model, samples, value, orders)
    return columns, drift


def _buying(
    model: ValueModel, samples: ValueSamples, value: Floats, by_churn: Floats
) -> tuple[Floats, Floats]:
    """Return the chance of a purchase, and the purchase days expected.

    The chance is that of churn_predictions where it has one, so that a release says one thing; the
    purchase days of those who buy come from BG/NBD. Where that would leave a purchase of a size
    this customer never made, its usual size decides how many purchases the value is.
    """
    by_rhythm, per_buyer = model.orders_per_buyer(samples.samples)
    chance = np.where(np.isfinite(by_churn), by_churn, by_rhythm)
    if model.average is not None:
        return chance, np.full(len(samples), model.average.orders)
    usual = model.order_value(samples.samples)
    fewest, most = value / (usual * UNUSUAL_ORDER_VALUE), value * UNUSUAL_ORDER_VALUE / usual
    return chance, np.clip(chance * per_buyer, fewest, most)


def _margin_ratio(samples: ValueSamples) -> Floats:
    """Return each customer's share of spend that is margin, pulled towards everybody's."""
    margin, known = np.nan_to_num(samples.margin), np.nan_to_num(samples.spend_with_margin)
    spent = np.nan_to_num(samples.samples.values["spent_amount"])
    if known.sum() <= 0 or known.sum() < LEAST_MARGIN_KNOWN * spent.sum():
        return np.full(len(samples), np.nan)
    everybody = float(margin.sum() / known.sum())
    purchases = float((samples.samples.values["repeat_count"] + 1.0).sum())
    prior = PURCHASES_OF_EVERYBODY * float(known.sum()) / purchases
    return np.asarray((margin + prior * everybody) / (np.maximum(known, 0.0) + prior))


def _year(
    model: ValueModel, samples: ValueSamples, value: Floats, orders: Floats
) -> dict[str, Floats]:
    """Return the columns of 365 days; none where no year could be judged."""
    grown = model.year(samples.samples, value)
    if grown is None or model.year_spread is None:
        return {}
    growth, amount = grown
    if model.horizon_days >= DAYS_OF_YEAR:
        amount = value
    amount = np.round(amount, AMOUNT_DIGITS)
    low, high = model.year_spread.apply(amount)
    return {
        "expected_orders_365_days": np.round(orders * growth, SHARE_DIGITS),
        "expected_value_365_days": amount,
        "expected_value_365_days_lo": np.minimum(np.round(low, AMOUNT_DIGITS), amount),
        "expected_value_365_days_hi": np.maximum(np.round(high, AMOUNT_DIGITS), amount),
    }


def _value_sql(model: ValueModel, *, out_of_date: bool) -> str:
    """Return the SELECT of ``prediction.customer_value`` over the temp table just made."""

    def known(name: str) -> str:
        return f"case when isnan(scored.{name}) then null else scored.{name} end as {name}"

    columns = ",\n".join(known(name) for name in _COLUMNS)
    return f"""
        with customers as (
            select customer_id from identity.identity_map group by customer_id
        ),
        cutoffs as (
            select * from prediction.churn_cutoffs where role = 'score'
        )
        select
            customers.customer_id,
            cutoffs.as_of_on,
            cutoffs.horizon_days,
            cutoffs.home_currency as currency,
            {columns},
            '{model.method}' as method,
            '{model.parameter_status}' as parameter_status,
            coalesce(not isnan(scored.expected_value), false) as is_scored,
            case
                when scored.customer_id is null then 'no_purchase_yet'
                when not isnan(scored.expected_value) then null
                when {str(out_of_date).lower()} then 'model_out_of_date'
                else 'not_enough_history'
            end as not_scored_reason,
            '{model.version}' as model_version
        from customers
        cross join cutoffs
        left join value_scored as scored on customers.customer_id = scored.customer_id
    """
