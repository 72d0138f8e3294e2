"""Customer value on the CDNOW purchases, through the product's own SQL and functions.

On each of five days in the past the model is trained on what was known by that day, values that
day, and is compared with the 90 days that followed. Both candidates are forecast on the same days:
BG/NBD x Gamma-Gamma and the learned one. The figures are means over the days.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb
import numpy as np

from benchmarks.figures import Figure, figure
from benchmarks.measuring import ROOT
from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.value.intervals import PastForecast
from cdp_pipeline.prediction.value.judge import ValueJudge, concentration, total_bias
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.samples import read_value_samples
from cdp_pipeline.prediction.value.score import score_value
from cdp_pipeline.prediction.value.train import train_value

HORIZON_DAYS = 90
SEED = 1


@dataclass(frozen=True)
class ValueBacktest:
    """What was promised on a day, by the exported model and by each candidate, and what came."""

    model: ValueModel
    promised: Floats
    candidates: dict[str, Floats]
    came: Floats
    covered: tuple[int, int]
    train_seconds: float
    score_seconds: float


def value_backtest(con: duckdb.DuckDBPyConnection, day: date) -> ValueBacktest:
    """Train, value and look up what came; churn_features must stand on that day already."""
    for name in ("value_features", "value_years"):
        query = (ROOT / "dbt_like_sql" / "prediction" / f"{name}.sql").read_text()
        con.execute(f"create or replace table prediction.{name} as {query}").fetchall()
    started = time.process_time()
    model = train_value(con, seed=SEED)
    trained = time.process_time()
    query = score_value(con, model)["prediction.customer_value"]
    con.execute(f"create or replace table prediction.customer_value as {query}").fetchall()
    scored = time.process_time()
    if model.horizon_days != HORIZON_DAYS:
        raise RuntimeError(f"the horizon on {day} is {model.horizon_days} days, not {HORIZON_DAYS}")
    rows = con.sql(
        f"""
        with came as (
            select customer_id, sum(net_home_amount) as amount from profiles.orders
            where ordered_on > date '{day}'
                and ordered_on <= date '{day + timedelta(days=HORIZON_DAYS)}'
            group by customer_id
        )
        select
            value.expected_value,
            cast(coalesce(came.amount, 0) as double) as came,
        from prediction.customer_value as value
        inner join prediction.churn_features as features
            on features.customer_id = value.customer_id and features.cutoff_on = value.as_of_on
        left join came on came.customer_id = value.customer_id
        order by value.customer_id
        """
    ).fetchnumpy()
    promised, came = (np.asarray(rows[name], dtype=np.float64) for name in rows)
    assert model.spread is not None
    return ValueBacktest(
        model,
        promised,
        _candidates(con, model, day),
        came,
        model.spread.covered(PastForecast(0, promised, came)),
        trained - started,
        scored - trained,
    )


def value_figures(tests: dict[date, ValueBacktest]) -> list[Figure]:
    """Return the means over the days, and each day's own figures."""
    ginis: dict[str, list[float]] = {}
    biases: dict[str, list[float]] = {}
    figures = []
    for day, test in tests.items():
        judge = ValueJudge(test.came, np.arange(len(test.came)), seed=SEED)
        for name, forecast in {"exported": test.promised, **test.candidates}.items():
            measures = judge.measures(forecast)
            ginis.setdefault(name, []).append(measures["normalised_gini"].value)
            biases.setdefault(name, []).append(total_bias(forecast, test.came))
        measures = judge.measures(test.promised)
        gain = judge.gini_gain(test.promised, test.candidates["bgnbd_gamma_gamma"])
        figures.append(
            figure(
                f"prediction.cdnow_value_{day:%Y_%m_%d}.normalised_gini",
                ginis["exported"][-1],
                "",
                reference=f"{test.model.method}; {gain.value:+.4f} ({gain.low:+.4f} to "
                f"{gain.high:+.4f}) over BG/NBD x Gamma-Gamma; bias {biases['exported'][-1]:+.1%}; "
                f"{test.covered[0]} of {test.covered[1]} groups within their interval; "
                f"top tenth promised {concentration(test.promised):.1%} of value",
            )
        )
    means = {name: float(np.mean(values)) for name, values in ginis.items()}
    better = max(means["bgnbd_gamma_gamma"], means["learned"])
    last = list(tests.values())[-1]
    inside, groups = np.sum([test.covered for test in tests.values()], axis=0)
    return [
        figure(
            "prediction.cdnow_value.normalised_gini",
            means["exported"],
            "",
            bar=round(better, 6),
            direction="up",
            reference=f"mean of {len(tests)} days; BG/NBD x Gamma-Gamma "
            f"{means['bgnbd_gamma_gamma']:.4f}, learned {means['learned']:.4f} in the same run",
        ),
        figure(
            "prediction.cdnow_value.absolute_total_bias",
            float(np.mean(np.abs(biases["exported"]))),
            "",
            bar=0.10,
            reference=f"mean of the absolute values; with sign {np.mean(biases['exported']):+.4f}",
        ),
        figure(
            "prediction.cdnow_value.interval_coverage",
            float(inside) / float(groups),
            "",
            bar=0.9,
            direction="up",
            reference=f"{inside} of {groups} tenths of customers spent what the 95 % interval held",
        ),
        figure("prediction.cdnow_value.train_cpu_seconds", last.train_seconds, "s"),
        figure("prediction.cdnow_value.score_cpu_seconds", last.score_seconds, "s"),
        *figures,
    ]


def _candidates(con: duckdb.DuckDBPyConnection, model: ValueModel, day: date) -> dict[str, Floats]:
    """Return each candidate's forecast of the day, whichever is exported."""
    samples = read_value_samples(con, [day], seed=SEED).samples
    found = {}
    for name in ("bgnbd_gamma_gamma", "learned"):
        members = [] if name == "bgnbd_gamma_gamma" else model.members
        forecast = ValueModel(**{**vars(model), "method": name, "members": members}).predict(
            samples
        )
        assert forecast is not None
        found[name] = forecast
    return found
