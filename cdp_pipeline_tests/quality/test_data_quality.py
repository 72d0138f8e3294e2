from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from cdp_pipeline.export.column_profiles import column_profiles
from cdp_pipeline.export.data_quality import data_quality, last_tables
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline.warehouse import Store, TableVersion
from cdp_pipeline_tests.homes import ROOT, make_home

FACTS = (
    "orders",
    "order_lines",
    "messages",
    "tickets",
    "surveys",
    "subscriptions",
    "offers",
    "product_usage",
)
SHOP = "sources.webshop_orders"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "landing").mkdir()
    return find_home(make_home(tmp_path / "home", tmp_path / "landing").root)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for schema in ("sources", "profiles", "export", "previous"):
            connection.execute(f"create schema {schema}")
        for fact in FACTS:
            connection.execute(f"create table profiles.{fact} as select 'c1' as customer_id")
        connection.execute(
            "create table sources.run_clock as select date '2026-03-31' as as_of_on;"
            "create table sources.deliveries as select * from (values"
            f" ('{SHOP}', 'loaded', 80, 78, 2), ('{SHOP}', 'refused', 20, 0, 0),"
            f" ('{SHOP}', 'already_loaded', 80, 0, 0), ('sources.gone', 'loaded', 5, 5, 0)"
            ") as v (source_table, status, rows_delivered, rows_loaded, rows_rejected);"
            "create table export.column_profiles as select * from (values"
            f" ('{SHOP}', 'order_id', 'varchar', 78, 78, null),"
            f" ('{SHOP}', 'placed_at', 'timestamp', 78, 39, '2026-03-17 10:00:00')"
            ") as v (table_name, column_name, column_type, row_count, filled_count, max_value);"
            "create table previous.data_quality as select * from (values"
            f" ('{SHOP}', 'accepted rows', 2, 0.980000::decimal(9, 6)))"
            " as v (table_name, measure, failing_count, quality_ratio)"
        )
        yield connection


def event_of(home: Home) -> str:
    """Return the column of the shop's orders by which the clock goes."""
    from cdp_pipeline.project import home_contracts

    (contract,) = [c for c in home_contracts(home) if c.name == SHOP]
    assert contract.event_at is not None
    return contract.event_at


def measures(
    con: duckdb.DuckDBPyConnection, home: Home
) -> dict[tuple[str, str], dict[str, object]]:
    name = data_quality(con, home)["export.data_quality"]
    result = con.sql(name)
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
    return {(str(row["table_name"]), str(row["measure"])): row for row in rows}


def test_a_source_is_scored_by_what_was_accepted_filled_and_fresh(
    con: duckdb.DuckDBPyConnection, home: Home
) -> None:
    con.execute(
        "update export.column_profiles set column_name = $1 where column_type = 'timestamp'",
        [event_of(home)],
    )
    found = measures(con, home)
    accepted = found[SHOP, "accepted rows"]
    # Of 100 new rows 2 were rejected and 20 lay in a refused file; 80 had been seen before.
    assert (accepted["failing_count"], accepted["total_count"]) == (22, 100)
    assert (accepted["failing_count_before"], accepted["failing_count_change"]) == (2, 20)
    assert accepted["quality_ratio_before"] == Decimal("0.980000")
    assert found[SHOP, "filled cells"]["quality_ratio"] == Decimal("0.75")
    # The newest event is 14 days old; 7 may pass where the contract says nothing.
    fresh = found[SHOP, "fresh events"]
    assert fresh["total_count"] == 14
    assert Decimal(0) < Decimal(str(fresh["quality_ratio"])) <= 1
    parts = [Decimal("0.78"), Decimal("0.75"), Decimal(str(fresh["quality_ratio"]))]
    expected = (sum(parts, Decimal(0)) / 3).quantize(Decimal("0.000001"))
    assert found[SHOP, "score"]["quality_ratio"] == expected


def test_a_table_without_a_contract_has_no_score(
    con: duckdb.DuckDBPyConnection, home: Home
) -> None:
    found = measures(con, home)
    assert (
        "sources.gone",
        "rows delivered = loaded + rejected + refused + already loaded",
    ) in found
    assert ("sources.gone", "score") not in found


def test_rules_carry_their_reason_and_not_what_ran_before(
    con: duckdb.DuckDBPyConnection, home: Home
) -> None:
    check = {
        "rule": "amount >= 0",
        "severity": "warn",
        "passed": False,
        "failing_count": 3,
        "total_count": 12,
        "why": "refunds",
        "failing_before": 99,
    }
    version = TableVersion("profiles.orders", "f", "c", (), 12, (), {}, checks=(check,))
    Store(home).set_head(version)
    rule = measures(con, home)["profiles.orders", "amount >= 0"]
    assert (rule["kind"], rule["why"], rule["is_passed"]) == ("rule", "refunds", False)
    assert rule["quality_ratio"] == Decimal("0.75")
    assert rule["failing_count_before"] is None
    assert 99 not in rule.values()


def test_every_table_is_made_before_its_quality_is_told() -> None:
    project = load_home_project(find_home(ROOT))
    waiting, seen = last_tables(project), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += project.tables[name].reads
    assert seen >= {t.name for t in project.tables.values() if t.layer != "export"}


def test_a_table_that_is_the_same_is_not_profiled_again(home: Home) -> None:
    table = load_home_project(find_home(ROOT)).tables["staging.stores"]
    Store(home).set_head(TableVersion(table.name, "f", "one", (), 1, (), {}))
    columns = ", ".join(f"null::{column.type} as {column.name}" for column in table.columns)

    def rows(content: str, *, previous: str) -> list[tuple[object, ...]]:
        with duckdb.connect() as con:
            con.execute("create schema staging; create schema previous")
            con.execute(f"create table staging.stores as {content}")
            con.execute(
                f"create table previous.column_profiles as select * from ({previous})"
                " as v (table_name, column_name, row_count, filled_ratio, distinct_count)"
            )
            made = column_profiles(con, home, [table], code="1")["export.column_profiles"]
            return con.sql(
                f"select row_count, row_count_before, is_new from ({made})"
                " where column_name = 'store_id'"
            ).fetchall()

    none = "select '', '', 1, 1.0, 1 where false"
    assert rows(f"select {columns}", previous=none) == [(1, None, True)]
    # Another content under the same hash: only what was kept can say one row.
    before = "select 'staging.stores', 'store_id', 7, 1.0, 7"
    assert rows(f"select {columns} from range(9)", previous=before) == [(1, 7, False)]
    Store(home).set_head(TableVersion(table.name, "f", "two", (), 1, (), {}))
    assert rows(f"select {columns} from range(9)", previous=before) == [(9, 7, False)]
