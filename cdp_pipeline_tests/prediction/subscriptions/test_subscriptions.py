"""Subscriptions that end: past days rebuilt without today's status, honest where ends are few."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np

from cdp_pipeline.prediction.subscriptions.model import SubscriptionModel
from cdp_pipeline.prediction.subscriptions.score import score_subscriptions
from cdp_pipeline.prediction.subscriptions.train import train_subscriptions
from cdp_pipeline_tests.prediction.support import MODELS

AS_OF = date(2026, 1, 1)
Row = tuple[str, str, str, int, float, date, date | None]


def world(rows: list[Row]) -> duckdb.DuckDBPyConnection:
    """Return the periods of (id, plan, status, billing_months, amount, started_on, ended_on)."""
    con = duckdb.connect()
    for schema in ("sources", "profiles", "prediction"):
        con.execute(f"create schema {schema}").fetchall()
    con.execute(f"create table sources.run_clock as select date '{AS_OF}' as as_of_on").fetchall()
    con.execute(
        "create table profiles.subscriptions (subscription_id varchar, plan varchar, "
        "status varchar, billing_months integer, recurring_amount decimal(18, 2), "
        "started_on date, ended_on date, source varchar, customer_id varchar)"
    ).fetchall()
    for row in rows:
        con.execute(
            "insert into profiles.subscriptions values (?, ?, ?, ?, ?, ?, ?, 'shop', 'c_1')",
            list(row),
        ).fetchall()
    query = (MODELS / "subscription_periods.sql").read_text()
    con.execute(f"create table prediction.subscription_periods as {query}").fetchall()
    return con


def scored(con: duckdb.DuckDBPyConnection, model: SubscriptionModel) -> list[dict[str, Any]]:
    restored = SubscriptionModel.from_bytes(model.to_bytes())
    query = score_subscriptions(con, restored)["prediction.subscription_churn"]
    found = con.execute(f"select * from ({query}) order by source, subscription_id")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def many(count: int, *, monthly_ends: float, yearly_ends: float, seed: int = 1) -> list[Row]:
    """Return subscriptions that end at random, the monthly and yearly ones at their own rate."""
    draws = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(count):
        monthly = number % 2 == 0
        start = AS_OF - timedelta(days=int(draws.integers(1, 700)))
        days = int(draws.exponential(1.0 / max(monthly_ends if monthly else yearly_ends, 1e-9)))
        end = start + timedelta(days=max(days, 1)) if days < 5000 else None
        over = end is not None and end <= AS_OF
        rows.append(
            (
                f"s_{number:04d}",
                "month" if monthly else "year",
                "cancelled" if over else "active",
                1 if monthly else 12,
                49.0 if monthly else 449.0,
                start,
                end if over else None,
            )
        )
    return rows


def test_a_past_day_is_rebuilt_from_dates_and_the_next_payment_from_the_start() -> None:
    con = world(
        [
            ("s_1", "year", "cancelled", 12, 449, date(2025, 3, 15), date(2025, 11, 1)),
            ("s_2", "month", "active", 1, 49, date(2025, 12, 20), None),
            ("s_3", "month", "cancelled", 1, 49, date(2025, 1, 1), None),
        ]
    )
    rows = con.sql(
        "select subscription_id, cutoff_on, role, tenure_days, days_to_renewal, "
        "has_ended_in_horizon from prediction.subscription_periods "
        "order by subscription_id, cutoff_on"
    ).fetchall()
    assert rows == [
        ("s_1", date(2025, 4, 6), "train", 22, 343, False),
        ("s_1", date(2025, 7, 5), "train", 112, 253, False),
        ("s_1", date(2025, 10, 3), "judge", 202, 163, True),
        ("s_2", date(2026, 1, 1), "score", 12, 19, None),
    ]


def test_no_subscription_at_all_makes_no_row_and_a_card_that_says_so() -> None:
    con = world([])
    model = train_subscriptions(con, seed=1)
    assert model.method == "none"
    assert model.card["exported_because"].startswith("not enough data for subscriptions")
    assert scored(con, model) == []


def test_a_handful_gets_no_score_and_one_that_ends_anyway_says_that() -> None:
    con = world(
        [
            ("s_1", "year", "active", 12, 449, date(2025, 3, 15), None),
            ("s_2", "year", "active", 12, 449, date(2025, 3, 15), date(2026, 2, 1)),
        ]
    )
    rows = scored(con, train_subscriptions(con, seed=1))
    assert [row["not_scored_reason"] for row in rows] == ["not_enough_history", "already_ending"]


def test_plans_that_end_more_often_score_higher_and_promises_hold() -> None:
    con = world(many(600, monthly_ends=1 / 200, yearly_ends=1 / 1500))
    model = train_subscriptions(con, seed=1)
    rows = scored(con, model)
    by_plan = {
        plan: np.array([row["p_churn"] for row in rows if row["plan"] == plan])
        for plan in ("month", "year")
    }
    # of a monthly one 1 - exp(-90 / 200) end within 90 days, of a yearly one 1 - exp(-90 / 1500)
    assert abs(by_plan["month"].mean() - 0.36) < 0.08
    assert abs(by_plan["year"].mean() - 0.06) < 0.04
    assert all(row["p_churn_lo"] <= row["p_churn"] <= row["p_churn_hi"] for row in rows)
    assert {row["is_scored"] for row in rows} == {True}


def test_what_follows_the_day_changes_no_score() -> None:
    rows = many(400, monthly_ends=1 / 200, yearly_ends=1 / 1500)
    con = world(rows)
    model = train_subscriptions(con, seed=1)
    later: list[Row] = [("s_9999", "month", "active", 1, 49, date(2026, 1, 5), None)]
    other = world([*reversed(rows), *later])
    assert train_subscriptions(other, seed=1).to_bytes() == model.to_bytes()
    assert scored(other, model) == scored(con, model)
