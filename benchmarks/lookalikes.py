"""Lookalikes on the Complete Journey: who will redeem a coupon, judged on several past days.

The seeds are households that redeemed a coupon by a day; the candidates are all others that had
bought by then; found are those that redeem within the horizon after it. Everything runs through
the product's own functions, as `cdp run --train` runs them.
"""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.figures import Figure, figure
from cdp_pipeline.prediction.lookalikes.declared import Audience, Audiences
from cdp_pipeline.prediction.lookalikes.model import LookalikeModel
from cdp_pipeline.prediction.lookalikes.train import train_lookalikes

LAST_DAY = date(2017, 12, 31)
HORIZONS = (90, 60)
_LINES = """
    create schema profiles;
    create table profiles.order_lines as
    select
        household_id as customer_id,
        'till' as source,
        basket_id as order_id,
        cast(transaction_timestamp - interval 5 hour as date) as ordered_on,
        product_category as category,
        false as is_return,
        'completed' as status,
        sales_value::decimal(18, 2) as line_home_amount,
        sales_value::decimal(18, 2) as line_amount,
        retail_disc::decimal(18, 2) as discount_amount
    from read_parquet('{data}/transactions_sample.parquet')
    left join read_parquet('{data}/products.parquet') using (product_id)
"""
_SEEDS = (
    "select household_id as customer_id, redemption_date as since_on "
    "from read_parquet('{data}/coupon_redemptions.parquet')"
)


def figures() -> list[Figure]:
    """Measure lift at the tenth most alike, mean over the past days, for two horizons."""
    data = Path(os.environ["CDP_DATASETS"]) / "complete_journey"
    with duckdb.connect() as con:
        con.execute(_LINES.format(data=data))
        return [line for horizon in HORIZONS for line in _judged(con, data, horizon)]


def _judged(con: duckdb.DuckDBPyConnection, data: Path, horizon: int) -> list[Figure]:
    plan = Audiences(
        horizon_days=horizon,
        audiences={"coupon": Audience(title="redeemed a coupon", seeds=_SEEDS.format(data=data))},
    )
    started = time.process_time()
    model: LookalikeModel = train_lookalikes(con, plan, LAST_DAY, seed=1)
    seconds = time.process_time() - started
    verdict = model.audiences["coupon"].verdict
    assert verdict is not None
    tenth = next(row for row in verdict["curve"] if row["share"] == 0.1)
    name = f"prediction.complete_journey_lookalike_{horizon}d"
    days = ", ".join(model.card["data"]["tried_on"])
    return [
        figure(
            f"{name}.lift_at_10_percent",
            tenth["lift"],
            "x",
            bar=3.0,
            direction="up",
            reference=f"{tenth['lift_low']:.2f} to {tenth['lift_high']:.2f}; days {days}",
        ),
        figure(
            f"{name}.lift_at_10_percent_by_spend",
            tenth["baseline_lift"],
            "x",
            reference=f"likeness over spend {model.audiences['coupon'].because}",
        ),
        figure(f"{name}.cpu_seconds", seconds, "s"),
    ]
