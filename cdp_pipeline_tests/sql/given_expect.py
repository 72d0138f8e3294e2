"""Runs one given/expect case of a SQL model.

A case lies at ``sql/<layer>/<table>/<sentence>.yml``: rows of the tables the model reads, and the
rows it must give. Tables that are not given are empty; only the columns named in a row of
`expect` are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import yaml

from cdp_pipeline.sqlmodels import Project, Table

Row = Mapping[str, Any]
RUN_CLOCK = {
    "as_of_on": "2026-01-31",
    "time_zone": "Europe/Stockholm",
    "home_currency": "SEK",
    "home_country": "SE",
}
PARTS = {"given", "expect", "run_clock"}


def check_case(project: Project, table: str, case: Mapping[str, Any]) -> None:
    """Raise an AssertionError if the model does not give the expected rows."""
    assert set(case) <= PARTS, f"a case has {', '.join(sorted(PARTS))}, not {sorted(case)}"
    assert table in project.tables, f"there is no table {table}"
    model = project.tables[table]
    assert model.sql, f"{table} is not made by SQL"
    given = dict(case.get("given") or {})
    clock = {**RUN_CLOCK, **(case.get("run_clock") or {})}
    if "sources.run_clock" in model.reads:
        given.setdefault("sources.run_clock", [clock])
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        _fill(con, project, model, given)
        con.execute(f"create temp table got as {model.sql}")
        _compare(con, model, case.get("expect") or [])


def read_case(path: Path) -> dict[str, Any]:
    """Return a case as it is written."""
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return case


def _fill(
    con: duckdb.DuckDBPyConnection,
    project: Project,
    model: Table,
    given: Mapping[str, Sequence[Row]],
) -> None:
    """Make every table the model reads, with the rows that are given."""
    inputs = {
        name: {column.name: column.type for column in project.tables[name].columns}
        for name in model.reads
    }
    for name in model.previous_reads:
        inputs[f"previous.{name}"] = project.previous_columns(model.layer, name)
    surplus = sorted(set(given) - set(inputs))
    assert not surplus, f"{model.name} does not read {', '.join(surplus)}"
    for name, columns in inputs.items():
        con.execute(f"create schema if not exists {name.split('.')[0]}")
        _insert(con, name, columns, given.get(name) or [])


def _insert(
    con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, str], rows: Sequence[Row]
) -> None:
    listing = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    con.execute(f"create table {name} ({listing})")
    for row in rows:
        unknown = sorted(set(row) - set(columns))
        assert not unknown, f"{name} has no column {', '.join(unknown)}"
        values = ", ".join(f"cast(${i} as {columns[column]})" for i, column in enumerate(row, 1))
        names = ", ".join(f'"{column}"' for column in row)
        con.execute(f"insert into {name} ({names}) values ({values})", list(row.values()))


def _compare(con: duckdb.DuckDBPyConnection, model: Table, expected: Sequence[Row]) -> None:
    columns = {column.name: column.type for column in model.columns}
    _insert(con, "wanted", columns, expected)
    con.execute("alter table wanted add column place integer")
    con.execute("update wanted set place = rowid")
    key = ", ".join(f'"{column}"' for column in model.key)
    is_keyed = all(set(model.key) <= set(row) for row in expected)
    got = con.sql(f"select * from got order by {key}").fetchall()
    order = key if is_keyed else "place"
    wanted = con.sql(f"select * from wanted order by {order}").fetchall()
    names = list(columns)
    shown = [dict(zip(names, row, strict=True)) for row in got]
    assert len(got) == len(wanted), f"{len(wanted)} rows expected, not {len(got)}: {shown}"
    for place, row in enumerate(wanted):
        written = expected[row[-1]]
        here = {name: value for name, value in shown[place].items() if name in written}
        there = {name: row[names.index(name)] for name in here}
        assert here == there, f"row {place + 1} by key"
