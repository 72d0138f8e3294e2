"""Churn and the models of buying and spending, on the CDNOW purchases.

The references are published (Fader, Hardie & Lee 2005 and notes) or computed in the same run: the
same customers, days and outcomes for every score. Churn runs through the product's own SQL and
functions, each time on a day in the past: it is trained on what was known by that day, scores that
day, and is compared with the 90 days that followed. The horizon is the one the SQL finds; a run
that found another than 90 days would fail. The first day is the one the reference figures belong
to; the other four had no part in any choice.
"""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks import lookalikes, recommendations, rfm, sentiment
from benchmarks._churn_backtest import SEED, Backtest, backtest
from benchmarks.figures import Figure, figure
from benchmarks.value import ValueBacktest, value_backtest, value_figures
from cdp_pipeline.prediction.bgnbd import BetaGeometricNBD, Floats
from cdp_pipeline.prediction.gamma_gamma import GammaGamma
from cdp_pipeline.prediction.metrics import Judge

MAIN_DAY = date(1998, 4, 1)
OTHER_DAYS = (date(1997, 10, 20), date(1997, 12, 15), date(1998, 2, 1), date(1998, 3, 15))
LAST_DAY = date(1998, 6, 30)
HORIZON_DAYS = 90
ACTIVE_DAYS = 180
_PAPER = "Fader, Hardie & Lee 2005"


def run() -> list[Figure]:
    """Measure everything on CDNOW."""
    data = Path(os.environ["CDP_DATASETS"]) / "cdnow"
    sample = _connect(
        data / "cdnow_sample.csv",
        f"select master_customer_id as customer_id, date, dollar_value "
        f"from read_csv('{data / 'cdnow_sample.csv'}')",
    )
    full = _connect(
        data / "cdnow_master.parquet",
        f"select customer_id, date, dollar_value from '{data / 'cdnow_master.parquet'}'",
    )
    return [
        *rhythm_figures(sample),
        *spend_figures(sample),
        *churn_figures(full),
        *rfm.figures(),
        *lookalikes.figures(),
        *recommendations.figures(),
        *sentiment.figures(),
    ]


def rhythm_figures(con: duckdb.DuckDBPyConnection) -> list[Figure]:
    """Fit BG/NBD to 39 weeks of the 1/10 sample and predict the next 39."""
    purchases = _calibration(con)
    x, t_x, observed = purchases["x"], purchases["t_x"], purchases["observed"]
    BetaGeometricNBD(modified=False).fit(x, t_x, observed)  # the first call loads SciPy
    started = time.process_time()
    model = BetaGeometricNBD(modified=False).fit(x, t_x, observed)
    seconds = time.process_time() - started
    expected = model.expected_purchases(x, t_x, observed, 39.0)
    correlation = float(np.corrcoef(expected, purchases["later"])[0, 1])
    published = {"r": 0.2426, "alpha": 4.4135, "a": 0.7929, "b": 2.4258}
    return [
        *(
            figure(
                f"prediction.cdnow_bgnbd.{name}_error",
                abs(getattr(model, f"{name}_") - value),
                "",
                bar=0.001,
                reference=f"{name} {value}, {_PAPER}",
            )
            for name, value in published.items()
        ),
        figure(
            "prediction.cdnow_bgnbd.log_likelihood",
            model.log_likelihood_,
            "",
            bar=-9582.44,
            direction="up",
            reference=f"-9582.43 within .01, {_PAPER}",
        ),
        figure(
            "prediction.cdnow_bgnbd.holdout_correlation",
            correlation,
            "",
            bar=0.625,
            direction="up",
            reference=f"0.626, {_PAPER}",
        ),
        figure("prediction.cdnow_bgnbd.fit_cpu_seconds", seconds, "s", bar=1.0),
    ]


def spend_figures(con: duckdb.DuckDBPyConnection) -> list[Figure]:
    """Fit Gamma-Gamma to the repeat orders of the 1/10 sample."""
    orders = con.sql(
        """
        with ranked as (
            select
                customer_id,
                cast(sum(net_home_amount) as double) as amount,
                row_number() over (partition by customer_id order by ordered_on) as position,
            from profiles.orders where ordered_on <= date '1997-09-30'
            group by customer_id, ordered_on
        )
        select count(*) as orders, cast(avg(amount) as double) as value
        from ranked where position > 1 group by customer_id order by customer_id
        """
    ).fetchnumpy()
    started = time.process_time()
    model = GammaGamma().fit(_floats(orders["orders"]), _floats(orders["value"]))
    seconds = time.process_time() - started
    published = {"p": 6.250, "q": 3.744, "v": 15.444}
    return [
        *(
            figure(
                f"prediction.cdnow_gamma_gamma.{name}_error",
                abs(getattr(model, f"{name}_") - value),
                "",
                bar=0.005,
                reference=f"{name} {value}, Fader & Hardie 2013",
            )
            for name, value in published.items()
        ),
        figure("prediction.cdnow_gamma_gamma.fit_cpu_seconds", seconds, "s", bar=1.0),
    ]


def churn_figures(con: duckdb.DuckDBPyConnection) -> list[Figure]:
    """Backtest churn on the day of the references and on four others."""
    main = ninety_days(con, MAIN_DAY)
    main_value = value_backtest(con, MAIN_DAY)
    values: dict[date, ValueBacktest] = {}
    bars = {"all": (0.838, 0.02), "active": (0.725, 0.04)}
    figures = []
    for group, (auc_bar, ece_bar) in bars.items():
        figures += _group_figures(main, group, auc_bar, ece_bar)
    tenth = np.argsort(main.promised, kind="stable")
    edge = len(tenth) // 10
    returned = 1.0 - main.churned
    figures.append(
        figure(
            "prediction.cdnow_all.best_to_worst_tenth",
            float(returned[tenth[:edge]].mean() / returned[tenth[-edge:]].mean()),
            "x",
            reference="share that bought again, tenth least at risk over tenth most at risk",
        )
    )
    figures.append(figure("prediction.cdnow_all.train_cpu_seconds", main.train_seconds, "s"))
    figures.append(figure("prediction.cdnow_all.score_cpu_seconds", main.score_seconds, "s"))
    for day in OTHER_DAYS:
        figures += _confirmation(ninety_days(con, day))
        values[day] = value_backtest(con, day)
    return [*figures, *value_figures({**values, MAIN_DAY: main_value})]


def ninety_days(con: duckdb.DuckDBPyConnection, day: date) -> Backtest:
    """Backtest one day, at the horizon that the reference figures belong to."""
    test = backtest(con, day, LAST_DAY)
    if test.model.horizon_days != HORIZON_DAYS:
        found = test.model.horizon_days
        raise RuntimeError(f"the horizon on {day} is {found} days, not {HORIZON_DAYS}")
    return test


def _group_figures(main: Backtest, group: str, auc_bar: float, ece_bar: float) -> list[Figure]:
    """Return the figures of all customers, or of those who bought within 180 days."""
    chosen = _chosen(main, group)
    churned, promised = main.churned[chosen], main.promised[chosen]
    judge = Judge(churned, np.arange(len(churned)), seed=SEED)
    measures = judge.measures(promised)
    gain = judge.auc_gain(promised, main.recency_days[chosen])
    subject = f"prediction.cdnow_{group}"
    recency = measures["auc"].value - gain.value
    known = f"n {len(churned):,}; {measures['auc'].low:.4f} to {measures['auc'].high:.4f}"
    return [
        figure(f"{subject}.customers", len(churned), "customers"),
        figure(
            f"{subject}.churn_auc",
            measures["auc"].value,
            "",
            bar=auc_bar,
            direction="up",
            reference=f"recency {recency:.4f} in the same run; {known}",
        ),
        figure(f"{subject}.churn_ece", measures["ece"].value, "", bar=ece_bar),
        figure(f"{subject}.churn_brier", measures["brier"].value, ""),
        figure(
            f"{subject}.auc_over_recency",
            gain.low,
            "",
            bar=0.0001,
            direction="up",
            reference=f"lower end of the paired interval; {gain.value:+.4f} to {gain.high:+.4f}",
        ),
    ]


def _confirmation(test: Backtest) -> list[Figure]:
    """Return the paired difference to recency on a day that had no part in any choice."""
    figures = []
    for group in ("all", "active"):
        chosen = _chosen(test, group)
        churned, promised = test.churned[chosen], test.promised[chosen]
        judge = Judge(churned, np.arange(len(churned)), seed=SEED)
        gain = judge.auc_gain(promised, test.recency_days[chosen])
        measures = judge.measures(promised)
        figures.append(
            figure(
                f"prediction.cdnow_{group}_{test.day:%Y_%m_%d}.auc_over_recency",
                gain.low,
                "",
                bar=0.0001,
                direction="up",
                reference=f"{gain.value:+.4f} to {gain.high:+.4f}; AUC "
                f"{measures['auc'].value:.4f}, ECE {measures['ece'].value:.4f}, "
                f"exported {test.model.exported}",
            )
        )
    return figures


def _chosen(test: Backtest, group: str) -> Any:
    everybody = np.ones(len(test.churned), dtype=np.bool_)
    return everybody if group == "all" else test.recency_days <= ACTIVE_DAYS


def _connect(source: Path, purchases: str) -> duckdb.DuckDBPyConnection:
    """Return a connection whose profile tables hold purchases of (customer_id, date, value)."""
    if not source.is_file():
        raise FileNotFoundError(f"{source.name} is missing below CDP_DATASETS: see its README")
    con = duckdb.connect()
    for statement in (
        *(
            f"create schema {layer}"
            for layer in ("sources", "staging", "identity", "profiles", "prediction")
        ),
        f"""
        create table profiles.orders as
        select
            'shop' as source,
            cast(row_number() over (order by customer_id, date, dollar_value) as varchar)
                as order_id,
            cast(customer_id as varchar) as customer_id,
            'web' as channel,
            true as is_purchase,
            cast(dollar_value as decimal(18, 2)) as net_home_amount,
            cast(0 as decimal(18, 2)) as return_home_amount,
            cast(date as date) as ordered_on,
        from ({purchases})
        """,
        """
        create table profiles.order_lines as
        select
            source, order_id, '1' as line_id, customer_id, 'music' as category,
            'completed' as status, cast(0 as decimal(18, 2)) as discount_amount,
            net_home_amount as line_home_amount,
            cast(null as decimal(18, 2)) as margin_home_amount, false as is_return, ordered_on,
        from profiles.orders
        """,
        """
        create table identity.identity_map as
        select 'shop' as source, customer_id as record_id, customer_id
        from profiles.orders group by customer_id
        """,
        """
        create table staging.messages (
            record_source varchar, record_id varchar, is_control boolean, sent_at timestamp,
            opened_at timestamp, clicked_at timestamp
        )
        """,
        """
        create table staging.tickets (
            record_source varchar, record_id varchar, opened_at timestamp, closed_at timestamp
        )
        """,
    ):
        con.execute(statement).fetchall()
    return con


def _calibration(con: duckdb.DuckDBPyConnection) -> dict[str, Floats]:
    """Return x, t_x and T in weeks up to 1997-09-30, and the purchase days after it."""
    rows = con.sql(
        """
        with days as (
            select customer_id, ordered_on from profiles.orders group by all
        ),
        firsts as (
            select customer_id, min(ordered_on) as first_on from days group by customer_id
        )
        select
            count(*) filter (where ordered_on <= date '1997-09-30') - 1 as x,
            (max(ordered_on) filter (where ordered_on <= date '1997-09-30') - first_on) / 7 as t_x,
            (date '1997-09-30' - first_on) / 7 as observed,
            count(*) filter (where ordered_on > date '1997-09-30') as later,
        from days inner join firsts using (customer_id)
        group by customer_id, first_on order by customer_id
        """
    ).fetchnumpy()
    return {name: _floats(column) for name, column in rows.items()}


def _floats(column: Any) -> Floats:
    return np.asarray(column, dtype=np.float64)
