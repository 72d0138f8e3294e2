"""Linking what is new gives what linking everything gives, with the same model."""

from __future__ import annotations

import importlib
import random
from typing import Any

import duckdb
import pytest

from cdp_pipeline.identity import (
    IdentityColumns,
    LinkageModel,
    blocking,
    incremental,
    link,
    load_identity_columns,
    shared_identifiers,
    standardise,
)
from cdp_pipeline_tests.identity.worlds import Row, keep, linked, town, world

WORLDS = 50
_EARLIER = {
    "standardised_records": "standardised_records",
    "standardised_attributes": "standardised_attributes",
    "record_pairs": "record_pairs",
    "record_clusters": "linked_clusters",
}


def prepared(rows: list[Row], columns: IdentityColumns) -> duckdb.DuckDBPyConnection:
    con = world(rows, threads=2)
    keep(con, standardise(con, columns))
    keep(con, shared_identifiers(con, columns))
    return con


def remember(
    con: duckdb.DuckDBPyConnection, earlier: duckdb.DuckDBPyConnection, model: LinkageModel
) -> None:
    """Show a connection what a model made of the records of another one."""
    con.execute("create schema earlier")
    con.execute(f"create table earlier.linkage_model as select '{model.version}' as model_version")
    for table, name in _EARLIER.items():
        found = earlier.sql(f"select * from identity.{table}").to_arrow_table()
        con.register("identity_remembered", found)
        con.execute(f"create table earlier.{name} as from identity_remembered")
        con.unregister("identity_remembered")


def outcome(con: duckdb.DuckDBPyConnection) -> tuple[list[Any], list[Any]]:
    return (
        con.sql("select * from identity.record_pairs order by all").fetchall(),
        con.sql("select * from identity.record_clusters order by all").fetchall(),
    )


def a_day_later(rows: list[Row], seed: int) -> list[Row]:
    """Return the records after a day: some new, changed, moved, withdrawn, some that glue."""
    dice = random.Random(seed)
    left = [dict(r) for r in rows if dice.random() > dice.choice((0.0, 0.01, 0.05))]
    for row in dice.sample(left, max(1, len(left) // 40)):
        change = dice.randrange(4)
        if change == 0:
            row["email"] = dice.choice(left).get("email")
        elif change == 1:
            row["family_name"] = dice.choice(left).get("family_name")
        elif change == 2:
            row |= {k: dice.choice(left).get(k) for k in ("street", "postcode", "city")}
        else:
            row["phone"] = f"070{dice.randrange(10**7):07d}"
    for row in town(dice.randrange(1, 12), seed=seed + 1000):
        left.append(row | {"record_id": f"new-{row['record_id']}"})
    for number, row in enumerate(dice.sample(left, 5)):
        left.append(dict(row) | {"record_id": f"again-{number}", "source": "aa"})
    return left


@pytest.fixture(scope="module")
def trained() -> LinkageModel:
    return linked(world(town(400, seed=11)))


def links_alike(
    con: duckdb.DuckDBPyConnection, yesterday: duckdb.DuckDBPyConnection, model: LinkageModel
) -> bool:
    """Link everything, then again knowing yesterday's; return whether both came out the same."""
    columns = load_identity_columns()
    keep(con, link(con, model, columns))
    whole = outcome(con)
    remember(con, yesterday, model)
    keep(con, link(con, model, columns))
    return outcome(con) == whole


def days_of_changes_link_alike(model: LinkageModel, seed: int, days: int) -> None:
    columns = load_identity_columns()
    rows = town(120, seed=seed)
    yesterday = prepared(rows, columns)
    keep(yesterday, link(yesterday, model, columns))
    for day in range(days):
        rows = a_day_later(rows, seed * 10 + day)
        today = prepared(rows, columns)
        assert links_alike(today, yesterday, model)
        yesterday = today


@pytest.mark.parametrize("seed", range(WORLDS))
def test_a_day_of_changes_links_as_everything_does(trained: LinkageModel, seed: int) -> None:
    days_of_changes_link_alike(trained, seed, days=1 + (seed % 10 == 0))


def test_blocks_that_grow_too_large_and_shrink_again_are_followed(
    trained: LinkageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "LARGEST_BLOCK", 3)
    for seed in range(6):
        days_of_changes_link_alike(trained, seed, days=1)


def test_only_what_is_touched_is_linked_anew(
    trained: LinkageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = load_identity_columns()
    rows = town(400, seed=3)
    yesterday = prepared(rows, columns)
    keep(yesterday, link(yesterday, trained, columns))
    moved = dict(rows[0]) | {"record_id": "moved", "street": "Nygatan 1", "phone": "0709999999"}
    today = prepared([*rows, moved], columns)
    remember(today, yesterday, trained)
    found = []
    spied = incremental.still_known

    def spy(*given: Any) -> Any:
        found.append(spied(*given))
        return found[-1]

    module = importlib.import_module("cdp_pipeline.identity.link")
    monkeypatch.setattr(module, "still_known", spy)
    keep(today, link(today, trained, columns))
    assert 0 < found[0].anew.sum() < 40


def test_another_model_knows_nothing_of_what_this_one_linked(trained: LinkageModel) -> None:
    other = trained.model_copy(update={"threshold": trained.threshold + 8})
    columns = load_identity_columns()
    rows = town(150, seed=5)
    yesterday = prepared(rows, columns)
    keep(yesterday, link(yesterday, trained, columns))
    today = prepared(rows, columns)
    keep(today, link(today, other, columns))
    whole = outcome(today)
    assert whole != outcome(yesterday)
    remember(today, yesterday, trained)
    keep(today, link(today, other, columns))
    assert outcome(today) == whole


def test_other_columns_are_linked_as_if_nothing_were_known(trained: LinkageModel) -> None:
    columns = load_identity_columns()
    rows = town(150, seed=5)
    yesterday = prepared([{k: v for k, v in r.items() if k != "phone"} for r in rows], columns)
    keep(yesterday, link(yesterday, trained, columns))
    assert links_alike(prepared(rows, columns), yesterday, trained)
