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
    assign_ids,
    blocking,
    incremental,
    link,
    load_identity_columns,
    shared_identifiers,
    standardise,
)
from cdp_pipeline_tests.identity.worlds import Row, decide, keep, linked, town, world

WORLDS = 50
_EARLIER = {
    "standardised_records": "standardised_records",
    "standardised_attributes": "standardised_attributes",
    "shared_identifiers": "shared_identifiers",
    "record_pairs": "record_pairs",
    "linked_clusters": "linked_clusters",
}
_RELEASED = ("identity_map", "customer_aliases", "customer_history", "merged_records")
_DECISION_COLUMNS = (
    "decision,source,record_id,other_source,other_record_id,decided_at,why,overrides"
)


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
        con.sql("select * from identity.linked_clusters order by all").fetchall(),
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


def linked_by(con: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
    made = link(con, model, load_identity_columns())
    made["identity.linked_clusters"] = made["identity.record_clusters"]
    keep(con, made)


def links_alike(
    con: duckdb.DuckDBPyConnection, yesterday: duckdb.DuckDBPyConnection, model: LinkageModel
) -> bool:
    """Link everything, then again knowing yesterday's; return whether both came out the same."""
    linked_by(con, model)
    whole = outcome(con)
    remember(con, yesterday, model)
    linked_by(con, model)
    return outcome(con) == whole


def released(con: duckdb.DuckDBPyConnection, model: LinkageModel, decisions: str) -> list[Any]:
    """Lay decisions over the linking and give ids; return who is who and what happened."""
    decide(con, model, None, (), decisions)
    keep(con, assign_ids(con))
    return [
        con.sql(f"select * from identity.{table} order by all").fetchall()
        for table in ("record_clusters", *_RELEASED)
    ]


def follow(con: duckdb.DuckDBPyConnection, yesterday: duckdb.DuckDBPyConnection) -> None:
    """Show yesterday's ids as the previous release."""
    for table in _RELEASED:
        columns = ", ".join(con.table(f"previous.{table}").columns)
        con.register("given", yesterday.sql(f"select {columns} from identity.{table}").arrow())
        con.execute(f"insert into previous.{table} select * from given")
        con.unregister("given")


def some_decisions(con: duckdb.DuckDBPyConnection, seed: int) -> list[str]:
    """Return decisions about records of a day: some agree with the linking, some do not."""
    dice = random.Random(seed)
    mapped = con.sql("select source, record_id from identity.identity_map order by all").fetchall()
    lines = []
    for number in range(4):
        (source, record), (other, its_record) = dice.sample(mapped, 2)
        what = dice.choice(("same", "different"))
        lines.append(
            f"{what},{source},{record},{other},{its_record},2026-01-0{number + 1},{seed},yes"
        )
    return lines


def days_of_changes_link_alike(model: LinkageModel, seed: int, days: int) -> None:
    """Change, withdraw and erase records and decide about some: all comes out as linked anew."""
    columns = load_identity_columns()
    rows = town(80, seed=seed)
    yesterday = prepared(rows, columns)
    linked_by(yesterday, model)
    decisions = [_DECISION_COLUMNS]
    released(yesterday, model, "\n".join(decisions))
    for day in range(days):
        rows = a_day_later(rows, seed * 10 + day)
        decisions += some_decisions(yesterday, seed * 10 + day)
        today = prepared(rows, columns)
        follow(today, yesterday)
        linked_by(today, model)
        whole = outcome(today), released(today, model, "\n".join(decisions))
        remember(today, yesterday, model)
        linked_by(today, model)
        assert (outcome(today), released(today, model, "\n".join(decisions))) == whole
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
    linked_by(yesterday, trained)
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
    linked_by(today, trained)
    assert 0 < found[0].anew.sum() < 40


def test_another_model_knows_nothing_of_what_this_one_linked(trained: LinkageModel) -> None:
    other = trained.model_copy(update={"threshold": trained.threshold + 20})
    columns = load_identity_columns()
    rows = town(150, seed=5)
    yesterday = prepared(rows, columns)
    linked_by(yesterday, trained)
    today = prepared(rows, columns)
    linked_by(today, other)
    whole = outcome(today)
    assert whole != outcome(yesterday)
    remember(today, yesterday, trained)
    linked_by(today, other)
    assert outcome(today) == whole


def test_other_columns_are_linked_as_if_nothing_were_known(trained: LinkageModel) -> None:
    columns = load_identity_columns()
    rows = town(150, seed=5)
    yesterday = prepared([{k: v for k, v in r.items() if k != "phone"} for r in rows], columns)
    linked_by(yesterday, trained)
    assert links_alike(prepared(rows, columns), yesterday, trained)


def test_a_value_that_becomes_shared_or_ceases_to_be_decides_anew(trained: LinkageModel) -> None:
    rows = town(150, seed=8)
    mailbox = "kassa@butiken.se"
    glued = [
        dict(row) | {"record_id": f"till-{number}", "email": mailbox}
        for number, row in enumerate(rows[::4])
    ]
    # Two who agree in the address and a first name, and in nothing that contradicts it.
    for row in glued[:2]:
        row |= dict.fromkeys(row.keys() - {"source", "record_id", "family_name", "email"})
        row["given_name"] = "Zelda"
    columns = load_identity_columns()
    few, many = prepared([*rows, *glued[:2]], columns), prepared([*rows, *glued], columns)
    listed = f"select count(*) from identity.shared_identifiers where value = '{mailbox}'"
    assert (few.sql(listed).fetchall(), many.sql(listed).fetchall()) == ([(0,)], [(1,)])
    linked_by(few, trained)
    assert links_alike(many, few, trained)
    today = prepared([*rows, *glued[:2]], columns)
    assert links_alike(today, many, trained)


def test_records_in_another_order_are_linked_as_if_nothing_were_known(
    trained: LinkageModel,
) -> None:
    columns = load_identity_columns()
    rows = town(150, seed=5)
    yesterday = prepared(rows, columns)
    last = yesterday.sql("select max(record_no) from identity.standardised_records").fetchall()
    linked_by(yesterday, trained)
    for table in _EARLIER:
        numbered = [c for c in yesterday.table(f"identity.{table}").columns if "_no" in c]
        turned = ", ".join(f"{last[0][0]} - {c} as {c}" for c in numbered if "record_no" in c)
        if turned:
            yesterday.execute(
                f"create or replace table identity.{table} as"
                f" select * replace ({turned}) from identity.{table}"
            )
    assert links_alike(prepared(rows, columns), yesterday, trained)
