"""Churn on a day in the past, by the product's own SQL and functions.

Belongs here: training on what was known by a day, scoring that day, and what came after it. Does
not belong here: which purchases, which days, or what the scores are compared with.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np

from benchmarks.measuring import ROOT
from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.score import score_churn
from cdp_pipeline.prediction.churn.train import train_churn

SEED = 1


@dataclass(frozen=True)
class Backtest:
    """What was promised on a day, and what came."""

    day: date
    model: ChurnModel
    promised: Floats
    churned: Floats
    recency_days: Floats
    train_seconds: float
    score_seconds: float


def backtest(con: duckdb.DuckDBPyConnection, day: date, last_on: date) -> Backtest:
    """Train, score and look up the outcome of one day.

    Parameters
    ----------
    con
        Connection with the tables that the churn models read; the clock is set here.
    last_on
        The last day on which all purchases are known.

    Raises
    ------
    RuntimeError
        If the horizon that the SQL finds goes beyond the last day.
    """
    con.execute(
        f"create or replace table sources.run_clock as select date '{day}' as as_of_on, "
        "'UTC' as time_zone, 'USD' as home_currency, 'US' as home_country"
    ).fetchall()
    for name in ("churn_horizon", "churn_cutoffs", "churn_features"):
        query = (ROOT / "dbt_like_sql" / "prediction" / f"{name}.sql").read_text()
        con.execute(f"create or replace table prediction.{name} as {query}").fetchall()
    started = time.process_time()
    model = train_churn(con, seed=SEED)
    trained = time.process_time()
    query = score_churn(con, model)["prediction.churn_predictions"]
    con.execute(f"create or replace table prediction.churn_predictions as {query}").fetchall()
    scored = time.process_time()
    until = day + timedelta(days=model.horizon_days)
    if until > last_on:
        raise RuntimeError(f"{model.horizon_days} days after {day} the purchases have ended")
    rows = con.sql(
        f"""
        with buyers as (
            select customer_id from profiles.orders
            where ordered_on > date '{day}' and ordered_on <= date '{until}'
            group by customer_id
        )
        select
            predictions.p_churn,
            cast(buyers.customer_id is null as double) as churned,
            cast(features.recency_days as double) as recency_days,
        from prediction.churn_predictions as predictions
        inner join prediction.churn_features as features
            on features.customer_id = predictions.customer_id
            and features.cutoff_on = predictions.as_of_on
        left join buyers on buyers.customer_id = predictions.customer_id
        where predictions.is_scored
        order by predictions.customer_id
        """
    ).fetchnumpy()
    promised, churned, recency_days = (
        np.asarray(rows[name], dtype=np.float64) for name in ("p_churn", "churned", "recency_days")
    )
    return Backtest(
        day, model, promised, churned, recency_days, trained - started, scored - trained
    )
