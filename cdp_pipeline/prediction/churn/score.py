"""Scoring churn: one row per customer, with reasons, from the stored model.

Here belongs the table ``prediction.churn_predictions``. What a probability is made of is in
``model``; nothing is learned here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.reasons import REASONS, REASONS_PER_CUSTOMER, reason_text_sql
from cdp_pipeline.prediction.drift import BLOCK, drift_sql, too_far
from cdp_pipeline.prediction.metrics import tenths
from cdp_pipeline.prediction.samples import Cutoff, Samples, read_cutoffs, read_samples
from cdp_pipeline.prediction.threads import one_numeric_thread

if TYPE_CHECKING:
    import duckdb

PUBLISHED_DIGITS = 6


def score_churn(
    con: duckdb.DuckDBPyConnection, model: ChurnModel, *, drift_limit: float = BLOCK
) -> dict[str, str]:
    """Score every customer as of today.

    Reads ``prediction.churn_cutoffs``, ``prediction.churn_features`` and ``identity.identity_map``.

    Parameters
    ----------
    drift_limit
        Stability index of the score beyond which none is published.

    Returns
    -------
    dict
        ``prediction.churn_predictions`` and the SELECT that gives its rows, one per customer of
        the identity map; those who cannot be scored say why. ``prediction.churn_drift``: how far
        today's customers lie from those of the day of training.
    """
    import pyarrow as pa

    cutoffs = read_cutoffs(con)
    if not cutoffs or cutoffs[-1].role != "score":
        raise ValueError("prediction.churn_cutoffs has no day to score: run churn_cutoffs again")
    today = cutoffs[-1]
    samples = read_samples(con, [today.cutoff_on], seed=0)
    columns = _scored_columns(model, samples, today)
    chance = np.asarray(columns["p_churn"])
    drift = model.reference.index(samples, chance if np.isfinite(chance).all() else None)
    drifted = too_far(drift, drift_limit)
    if drifted:
        columns = _scored_columns(model, samples, today, silent=True)
    customers = con.sql(
        "select customer_id from prediction.churn_features "
        f"where cutoff_on = date '{today.cutoff_on.isoformat()}' order by customer_id"
    ).to_arrow_table()
    scored = pa.table({"customer_id": customers.column("customer_id"), **columns})
    con.register("churn_scored_arrow", scored)
    con.execute(
        "create or replace temp table churn_scored as select * from churn_scored_arrow"
    ).fetchall()
    con.unregister("churn_scored_arrow")
    out_of_date = drifted or model.horizon_days != today.horizon_days
    return {
        "prediction.churn_predictions": _predictions_sql(model, today, out_of_date=out_of_date),
        "prediction.churn_drift": drift_sql(con, "churn", drift),
    }


def _scored_columns(
    model: ChurnModel, samples: Samples, today: Cutoff, *, silent: bool = False
) -> dict[str, Any]:
    """Return the columns learned for each customer who has features; null ones when silent."""
    nothing = np.full(len(samples), np.nan)
    reasons = np.full((len(samples), REASONS_PER_CUSTOMER), -1, dtype=np.int64)
    raises = np.zeros(reasons.shape, dtype=np.bool_)
    chance = low = high = baseline = nothing
    # A model of another horizon answers another question; needs_training says so in time.
    if len(samples) and model.horizon_days == today.horizon_days and not silent:
        with one_numeric_thread():
            found = model.predict(samples)
            if found is not None:
                chance, low, high = found
            by_baseline = model.predict_baseline(samples)
            baseline = nothing if by_baseline is None else by_baseline
            if model.explainer is not None:
                reasons, contributions = model.explainer.strongest(model.matrix(samples))
                raises = contributions > 0
    chance = np.round(chance, PUBLISHED_DIGITS)
    is_scored = np.isfinite(chance)
    decile = tenths(chance) if is_scored.all() and len(chance) else np.zeros(len(chance), np.int64)
    codes = np.array([*REASONS, None], dtype=object)
    columns: dict[str, Any] = {
        "p_churn": chance,
        "p_churn_lo": np.minimum(np.round(low, PUBLISHED_DIGITS), chance),
        "p_churn_hi": np.maximum(np.round(high, PUBLISHED_DIGITS), chance),
        "p_churn_baseline": np.round(baseline, PUBLISHED_DIGITS),
        "risk_decile": decile,
    }
    for rank in range(REASONS_PER_CUSTOMER):
        columns[f"code_{rank + 1}"] = codes[reasons[:, rank]]
        columns[f"raises_{rank + 1}"] = raises[:, rank]
    return columns


def _predictions_sql(model: ChurnModel, today: Cutoff, *, out_of_date: bool) -> str:
    """Return the SELECT of ``prediction.churn_predictions`` over the temp table just made."""
    medians = {} if model.population is None else model.population.medians
    baseline = "null" if model.baseline is None else f"'{model.baseline}'"
    reasons = ",\n".join(
        f"scored.code_{rank} as top_reason_{rank}_code,\n"
        + (
            reason_text_sql(f"scored.code_{rank}", f"scored.raises_{rank}", medians)
            if model.explainer is not None
            else "cast(null as varchar)"
        )
        + f" as top_reason_{rank}"
        for rank in range(1, REASONS_PER_CUSTOMER + 1)
    )

    def known(name: str) -> str:
        return f"case when isnan(scored.{name}) then null else scored.{name} end"

    # Where all are equal, or nobody knows whether the order holds, a tenth would pretend otherwise.
    has_ranking = str(model.ranks).lower()
    return f"""
        with customers as (
            select customer_id from identity.identity_map group by customer_id
        ),
        cutoffs as (
            select * from prediction.churn_cutoffs where role = 'score'
        ),
        features as (
            select * from prediction.churn_features
            where cutoff_on = date '{today.cutoff_on.isoformat()}'
        )
        select
            customers.customer_id,
            cutoffs.as_of_on,
            {known("p_churn")} as p_churn,
            {known("p_churn_lo")} as p_churn_lo,
            {known("p_churn_hi")} as p_churn_hi,
            cutoffs.horizon_days,
            case
                when {has_ranking} and not isnan(scored.p_churn)
                then cast(scored.risk_decile as integer)
            end as risk_decile,
            {known("p_churn_baseline")} as p_churn_baseline,
            case when not isnan(scored.p_churn_baseline) then {baseline} end as baseline_name,
            features.expected_gap_days,
            features.days_overdue_ratio,
            {reasons},
            coalesce(not isnan(scored.p_churn), false) as is_scored,
            case
                when features.customer_id is null then 'no_purchase_yet'
                when not isnan(scored.p_churn) then null
                when {str(out_of_date).lower()} then 'model_out_of_date'
                else 'not_enough_history'
            end as not_scored_reason,
            '{model.version}' as model_version
        from customers
        cross join cutoffs
        left join features on customers.customer_id = features.customer_id
        left join churn_scored as scored on customers.customer_id = scored.customer_id
    """
