"""What a company did after a day changes nothing that insight and prediction say of that day.

The tables of the demo company stand on a day months before its data end. Then every row after the
day is taken away, or changed, or joined by others, in all tables the two layers read at once. Who
is who, today's products and profiles, and the models stay as they are: none of them is dated.
Consents are left alone too, because a refusal holds for the past as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import pytest

from cdp_pipeline.definitions import python_steps
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse import Store
from cdp_pipeline_tests.homes import DemoHome

DAY = date(2026, 5, 31)
LAYERS = ("insight", "prediction")
# The column that says when a row happened, and those of what followed it.
HAPPENED = {
    "profiles.carts": ("updated_on", ()),
    "profiles.messages": ("sent_on", ("opened_at", "clicked_at", "replied_at")),
    "profiles.offers": ("shown_on", ("accepted_at",)),
    "profiles.order_lines": ("ordered_on", ()),
    "profiles.orders": ("ordered_on", ()),
    "profiles.subscriptions": ("started_on", ()),
    "profiles.surveys": ("answered_on", ()),
    "profiles.tickets": ("opened_on", ("closed_at",)),
    "profiles.web_events": ("occurred_on", ()),
    "staging.messages": ("sent_at", ("opened_at", "clicked_at", "replied_at")),
    "staging.tickets": ("opened_at", ("closed_at",)),
}
# What was said is told of every survey and ticket there is; its customers' table counts the days.
PER_FEEDBACK = "insight.feedback_sentiments"
SCORES = {
    "prediction.churn_predictions": "is_scored",
    "prediction.customer_value": "expected_value is not null",
    "prediction.lookalikes": "true",
    # of a shop this small by the fallback; the learned ones have a test of their own
    "prediction.product_recommendations": "true",
}


@dataclass
class Past:
    """Both layers made as of the day, in a database of their own."""

    con: duckdb.DuckDBPyConnection
    home: Home
    project: Project

    def make(self) -> None:
        """Make every table but models, which stay once they are there."""
        steps = {name: step for step in python_steps() for name in step.makes}
        done: set[str] = set()
        for name, table in self.project.tables.items():
            if table.layer not in LAYERS or name in done:
                continue
            if name.endswith("_model") and self.exists(name):
                continue
            step = steps.get(name)
            made = step.logic(self.con, self.home).tables if step else {name: table.sql}
            done.update(made)
            for target, query in made.items():
                select = query if " " in query.strip() else f"select * from {query}"
                self.run(f"create or replace table {target} as {select}")

    def exists(self, name: str) -> bool:
        schema, bare = name.split(".")
        found = self.con.sql(
            "select count(*) from information_schema.tables "
            f"where table_schema = '{schema}' and table_name = '{bare}'"
        ).fetchall()
        return bool(found[0][0])

    def run(self, statement: str) -> None:
        self.con.execute(statement).fetchall()

    def contents(self) -> dict[str, str]:
        """Return a digest of every table of both layers, whatever the order of its rows."""
        return {
            name: str(
                self.con.sql(
                    f"select md5(string_agg(told, '|' order by told)) from "
                    f"(select md5(to_json(row_of)::varchar) as told from {name} as row_of)"
                ).fetchall()[0][0]
            )
            for name, table in self.project.tables.items()
            if table.layer in LAYERS and name != PER_FEEDBACK
        }


@pytest.fixture(scope="module")
def past(published_home: DemoHome) -> Iterator[Past]:
    """The demo company as of a day four months before its data end, models trained on that day."""
    home = find_home(published_home.root)
    project, store = load_home_project(home), Store(home)
    read = {
        name
        for table in project.tables.values()
        if table.layer in LAYERS
        for name in table.reads
        if name.split(".")[0] not in LAYERS
    }
    with duckdb.connect(config={"threads": 2}) as con:
        found = Past(con, home, project)
        for schema in {*LAYERS, "previous", *(name.split(".")[0] for name in read)}:
            found.run(f"create schema {schema}")
        for name in sorted(read):
            select = store.select(store.needed_head(name, by="this test"))
            found.run(f"create table {name} as {select}")
        found.run(f"update sources.run_clock set as_of_on = date '{DAY}'")
        for layer in LAYERS:
            for name, columns in project.previous.get(layer, {}).items():
                told = ", ".join(f"{column} {kind}" for column, kind in columns.items())
                found.run(f"create table if not exists previous.{name} ({told})")
        found.make()
        yield found


def later_rows(past: Past, how: str) -> None:
    """Change what happened after the day."""
    for name, (happened, followed) in HAPPENED.items():
        is_later = f"{happened}::date > date '{DAY}'"
        past.run(f"create or replace temp table later as from {name} where {is_later}")
        past.run(f"delete from {name} where {is_later}")
        for column in followed:
            changed = "null" if how == "gone" else f"{column} + interval 9 day"
            past.run(f"update {name} set {column} = {changed} where {column}::date > date '{DAY}'")
        if how != "gone":
            past.run(f"insert into {name} select {_changed(past, name, again=False)} from later")
            past.run(f"insert into {name} select {_changed(past, name, again=True)} from later")


def _changed(past: Past, name: str, *, again: bool) -> str:
    """Return the columns of later rows with other amounts, flags, words and customers."""
    table = past.project.tables[name]
    identity = {*table.key, *HAPPENED[name][1], HAPPENED[name][0], "status", "record_source"}
    told = []
    for column in table.columns:
        kind = column.type.lower()
        if column.name == table.key[-1] and again:
            told.append(f"{column.name} || ' again'")
        elif column.name in identity or kind.startswith(("date", "timestamp")):
            told.append(column.name)
        elif column.name in ("customer_id", "record_id", "product_id"):
            told.append(f"max({column.name}) over (order by hash({column.name}))")
        elif kind == "boolean":
            told.append(f"not {column.name}")
        elif kind == "varchar":
            told.append(f"{column.name} || ' else'")
        else:
            told.append(f"(-3 * {column.name})::{column.type}")
    return ", ".join(told)


@pytest.mark.parametrize("how", ["gone", "changed"])
def test_nothing_after_the_day_changes_a_bit_of_what_is_said_of_it(past: Past, how: str) -> None:
    for name, is_scored in SCORES.items():
        rows = past.con.sql(f"select count(*) from {name} where {is_scored}").fetchall()
        assert rows[0][0] > 200, f"{name} says too little for this test"
    before = past.contents()
    past.run("begin")
    try:
        later_rows(past, how)
        past.make()
        after = past.contents()
    finally:
        past.run("rollback")
    assert [name for name in before if before[name] != after[name]] == []
