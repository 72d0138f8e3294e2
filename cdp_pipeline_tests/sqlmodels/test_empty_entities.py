"""A home with customer records and nothing else: every SQL table is made, most are empty."""

from __future__ import annotations

import duckdb
import pytest

from cdp_pipeline.cli.starting import make_home
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import find_home
from cdp_pipeline.sqlmodels import Project, Table

CUSTOMERS = 12
CLOCK = "date '2026-06-30', 'Europe/Stockholm', 'SEK', 'SE'"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    from rich.console import Console

    root = tmp_path_factory.mktemp("homes") / "home"
    make_home(root, Console(quiet=True))
    for entity in ("orders", "order_lines"):
        (root / "dbt_like_sql" / "staging" / entity / "shop.sql").unlink()
    contract = root / "dbt_like_sql" / "sources" / "shop.yml"
    contract.write_text(contract.read_text("utf-8").split("  sales:")[0], encoding="utf-8")
    return load_home_project(find_home(root))


@pytest.fixture(scope="module")
def con(project: Project) -> duckdb.DuckDBPyConnection:
    """Every table of the home; those made in Python have no rows, but the clock and the ids do."""
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    for layer in (*project.layers, "previous"):
        con.execute(f"create schema {layer}")
    for columns in project.previous.values():
        for table, types in columns.items():
            listed = ", ".join(f"{name} {kind}" for name, kind in types.items())
            con.execute(f"create or replace table previous.{table} ({listed})")
    for table in project.tables.values():
        if table.sql:
            con.execute(f"create table {table.name} as {table.sql}")
        else:
            make_without_sql(con, table)
    return con


def make_without_sql(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    listed = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
    con.execute(f"create table {table.name} ({listed})")
    if table.name == "sources.run_clock":
        con.execute(f"insert into {table.name} values ({CLOCK})")
    if table.name == "sources.shop_customers":
        con.execute(
            f"insert into {table.name} (customer_id, first_name, created_at)"
            f" select n::varchar, 'Anna', timestamp '2026-01-01' from range({CUSTOMERS}) as r (n)"
        )
    if table.name == "identity.identity_map":
        con.execute(
            f"insert into {table.name} (source, record_id, customer_id)"
            f" select 'shop', n::varchar, 'c_' || n from range({CUSTOMERS}) as r (n)"
        )


def rows_of(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.sql(f"select count(*) from {table}").fetchall()[0][0])


def test_every_other_entity_is_empty(project: Project, con: duckdb.DuckDBPyConnection) -> None:
    entities = [name for name, table in project.tables.items() if table.made_by == "entity"]
    assert len(entities) >= 21
    assert [name for name in entities if rows_of(con, name)] == ["staging.customer_records"]
    assert rows_of(con, "staging.customer_records") == CUSTOMERS


def test_facts_are_empty_and_every_customer_is_there(con: duckdb.DuckDBPyConnection) -> None:
    facts = (
        "orders", "order_lines", "messages", "tickets", "surveys", "subscriptions", "carts",
        "web_events", "offers", "product_usage", "enrichments", "anonymous_visitors",
    )  # fmt: skip
    assert [fact for fact in facts if rows_of(con, f"profiles.{fact}")] == []
    assert rows_of(con, "profiles.customer_activities") == CUSTOMERS
    assert rows_of(con, "insight.customer_measures") == CUSTOMERS
