"""Audiences find those who will be seeds, refuse handfuls, and know nothing of the future."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cdp_pipeline.errors import StepError
from cdp_pipeline.prediction.lookalikes.behaviour import behaviour_on, categories_on
from cdp_pipeline.prediction.lookalikes.declared import Audience, Audiences, load_audiences
from cdp_pipeline.prediction.lookalikes.model import LookalikeModel
from cdp_pipeline.prediction.lookalikes.score import lookalikes
from cdp_pipeline.prediction.lookalikes.train import train_lookalikes
from cdp_pipeline.prediction.lookalikes.trial import PastDay, judge
from cdp_pipeline.settings import package_sql

TODAY = date(2026, 6, 30)
CUSTOMERS = 1200
PLAN = Audiences(
    horizon_days=60,
    audiences={
        "gardeners": Audience(
            title="took the garden course",
            seeds="select customer_id, joined_on as since_on from profiles.subscriptions",
        )
    },
)


def world(seed: int = 3) -> duckdb.DuckDBPyConnection:
    """Customers with a taste; those who like plants join the garden course sooner or later."""
    draws = np.random.default_rng(seed)
    con = duckdb.connect()
    con.execute("create schema profiles")
    lines, joined = [], []
    for number in range(CUSTOMERS):
        likes_plants = number % 4 == 0
        customer = f"c_{number:04d}"
        for order in range(int(draws.integers(2, 9))):
            day = date(2025, 1, 1) + timedelta(days=int(draws.integers(0, 540)))
            is_plant = draws.random() < (0.7 if likes_plants else 0.1)
            category = "plants" if is_plant else f"other {draws.integers(0, 5)}"
            amount = round(float(draws.gamma(2, 100)), 2)
            lines.append((customer, "pos", f"{number}-{order}", day, category, False, amount))
        if draws.random() < (0.5 if likes_plants else 0.02):
            joined.append(
                (customer, date(2025, 6, 1) + timedelta(days=int(draws.integers(0, 390))))
            )
    con.execute(
        "create table profiles.order_lines (customer_id varchar, source varchar, order_id varchar, "
        "ordered_on date, category varchar, is_return boolean, line_home_amount decimal(18, 2), "
        "line_amount decimal(18, 2), discount_amount decimal(18, 2), status varchar)"
    )
    con.executemany(
        "insert into profiles.order_lines values ($1, $2, $3, $4, $5, $6, $7, $7, 0, 'completed')",
        lines,
    )
    con.execute("create table profiles.subscriptions (customer_id varchar, joined_on date)")
    con.executemany("insert into profiles.subscriptions values ($1, $2)", joined)
    return con


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return world()


@pytest.fixture(scope="module")
def model(con: duckdb.DuckDBPyConnection) -> LookalikeModel:
    return train_lookalikes(con, PLAN, TODAY, seed=1)


def rows(con: duckdb.DuckDBPyConnection, select: str) -> list[tuple[object, ...]]:
    return con.sql(f"from ({select}) order by all").fetchall()


def test_likeness_finds_a_planted_taste_that_spend_cannot_see(model: LookalikeModel) -> None:
    part = model.audiences["gardeners"]
    assert part.status == "likeness"
    assert part.verdict is not None
    tenth = next(row for row in part.verdict["curve"] if row["share"] == 0.1)
    assert tenth["lift_low"] > 1.5 > tenth["baseline_lift"]
    drivers = model.card["audiences"]["gardeners"]["drivers"]
    assert next(iter(drivers)) == "plants", drivers


def test_the_most_alike_like_plants_and_are_no_seeds(
    con: duckdb.DuckDBPyConnection, model: LookalikeModel
) -> None:
    made = lookalikes(con, model, PLAN, TODAY)
    ids, reasons = con.sql(
        f"select list(customer_id), list(distinct reason) from ({made['prediction.lookalikes']}) "
        "where rank <= 50"
    ).fetchall()[0]
    assert sum(int(customer[2:]) % 4 == 0 for customer in ids) >= 45
    assert "interest in plants" in reasons
    seeds = {row[0] for row in con.sql("select customer_id from profiles.subscriptions").fetchall()}
    assert not seeds & set(ids)


def test_the_curve_falls_with_size_and_ends_at_everybody(
    con: duckdb.DuckDBPyConnection, model: LookalikeModel
) -> None:
    curve = rows(
        con,
        "select share, similarity_at_least, lift, customer_count from "
        f"({lookalikes(con, model, PLAN, TODAY)['prediction.lookalike_curves']})",
    )
    similarity = [row[1] for row in curve]
    assert similarity == sorted(similarity, reverse=True)
    assert curve[-1][2] == pytest.approx(1.0)


def test_too_few_seeds_are_refused_in_words(con: duckdb.DuckDBPyConnection) -> None:
    plan = PLAN.model_copy(update={"least_seeds": 5000})
    model = train_lookalikes(con, plan, TODAY, seed=1)
    assert model.audiences["gardeners"].status == "too_few_seeds"
    because = model.card["audiences"]["gardeners"]["because"]
    assert because.startswith("not enough data for likeness")
    assert "5000 are needed; exported nobody instead" in because
    made = lookalikes(con, model, plan, TODAY)
    assert rows(con, made["prediction.lookalikes"]) == []
    assert rows(con, made["prediction.lookalike_curves"]) == []


def test_what_happens_after_today_changes_nothing() -> None:
    before, after = world(), world()
    after.execute(
        "insert into profiles.order_lines select customer_id, source, 'later' || order_id, "
        "date '2026-07-01', 'plants', false, 9999, 9999, 0, 'completed' from profiles.order_lines"
    )
    after.execute(
        "insert into profiles.subscriptions select distinct customer_id, date '2026-07-02' "
        "from profiles.order_lines"
    )
    one, two = (train_lookalikes(con, PLAN, TODAY, seed=1) for con in (before, after))
    assert one.version == two.version
    for name in ("prediction.lookalikes", "prediction.lookalike_curves"):
        assert rows(before, lookalikes(before, one, PLAN, TODAY)[name]) == rows(
            after, lookalikes(after, two, PLAN, TODAY)[name]
        )


def test_the_order_of_rows_changes_nothing(model: LookalikeModel) -> None:
    shuffled = world()
    for table in ("order_lines", "subscriptions"):
        shuffled.execute(
            f"create or replace table profiles.{table} as "
            f"select * from profiles.{table} order by md5(customer_id || 'x')"
        )
    assert train_lookalikes(shuffled, PLAN, TODAY, seed=1).version == model.version


def test_the_bytes_of_a_model_come_back_as_the_model(model: LookalikeModel) -> None:
    assert LookalikeModel.from_bytes(model.to_bytes()).version == model.version


def test_a_world_without_orders_gives_empty_tables() -> None:
    con = world()
    con.execute("delete from profiles.order_lines")
    model = train_lookalikes(con, PLAN, TODAY, seed=1)
    assert rows(con, lookalikes(con, model, PLAN, TODAY)["prediction.lookalikes"]) == []


def test_a_query_that_gives_no_day_is_named(con: duckdb.DuckDBPyConnection) -> None:
    plan = Audiences(audiences={"odd": Audience(title="odd", seeds="select 1 as customer_id")})
    with pytest.raises(StepError, match="seeds of odd"):
        train_lookalikes(con, plan, TODAY, seed=1)


def test_sampling_keeps_every_seed_and_the_rate_of_later_ones(
    con: duckdb.DuckDBPyConnection,
) -> None:
    con.execute("create or replace temp table a_few as select 'c_0000' as customer_id")
    categories = categories_on(con, TODAY)
    everyone = behaviour_on(con, TODAY, categories)
    some = behaviour_on(con, TODAY, categories, share=0.2, also="(from a_few)")
    assert "c_0000" in some.customer_id
    assert 0.1 < some.is_sampled.sum() / len(everyone) < 0.3


def test_a_score_that_knows_nothing_has_a_lift_of_about_one() -> None:
    draws = np.random.default_rng(5)
    count = 4000
    day = PastDay(
        "2026-01-01",
        np.array([f"c{number:05d}" for number in range(count)]),
        draws.random(count),
        draws.random(count),
        draws.random(count) < 0.1,
        100,
    )
    verdict = judge([day], seed=1)
    assert verdict is not None
    lift = verdict.lift()
    assert lift.low < 1 < lift.high


def test_the_shipped_audiences_are_valid_and_an_unknown_key_is_named(tmp_path: Path) -> None:
    shipped = package_sql() / "prediction" / "audiences.yml"
    assert load_audiences(shipped).audiences
    file = tmp_path / "audiences.yml"
    file.write_text(shipped.read_text("utf-8") + "colour: blue\n", encoding="utf-8")
    with pytest.raises(Exception, match=r"audiences\.yml:\d+: colour"):
        load_audiences(file)
