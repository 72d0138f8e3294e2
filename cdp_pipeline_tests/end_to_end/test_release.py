"""What an analyst opens: every table whole, described, and adding up to what was delivered."""

from __future__ import annotations

import json
import os
import shutil
import stat
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cdp_pipeline_tests.homes import DemoHome

pytestmark = pytest.mark.slow

TABLES = {
    "golden_profiles",
    "identity_map",
    "customer_aliases",
    "customer_history",
    "profile_provenance",
    "consents",
    "orders",
    "order_lines",
    "products",
    "stores",
    "customer_activities",
    "customer_measures",
    "rfm_segments",
    "churn_predictions",
    "next_best_actions",
    "model_cards",
    "data_quality",
}
MAY_BE_EMPTY = {"customer_aliases"}


@pytest.fixture(scope="module")
def con(published_home: DemoHome) -> duckdb.DuckDBPyConnection:
    """A plain DuckDB with a view of every published table."""
    connection = duckdb.connect()
    for name, entry in published_home.manifest()["tables"].items():
        connection.execute(
            f"create view {name} as from read_parquet('{published_home.latest / entry['file']}')"
        )
    return connection


def one(con: duckdb.DuckDBPyConnection, query: str) -> int:
    value: int = con.sql(query).fetchall()[0][0]
    return value


def test_every_table_is_there_and_holds_something(published_home: DemoHome) -> None:
    tables = published_home.manifest()["tables"]
    assert set(tables) >= TABLES
    assert {n for n in TABLES if not tables[n]["rows"]} <= MAY_BE_EMPTY


def test_keys_are_unique_and_never_null(
    published_home: DemoHome, con: duckdb.DuckDBPyConnection
) -> None:
    for name, entry in published_home.manifest()["tables"].items():
        key = ", ".join(entry["key"])
        null = " or ".join(f"{column} is null" for column in entry["key"])
        assert one(con, f"select count(*) from {name} where {null}") == 0, name
        twice = f"select 1 from {name} group by {key} having count(*) > 1"
        assert one(con, f"select count(*) from ({twice})") == 0, name


def test_the_manifest_tells_what_every_file_holds(published_home: DemoHome) -> None:
    import hashlib

    for name, entry in published_home.manifest()["tables"].items():
        file = published_home.latest / entry["file"]
        schema = pq.read_schema(file)
        assert [column["name"] for column in entry["columns"]] == schema.names, name
        assert all(len(column["description"]) > 3 for column in entry["columns"]), name
        assert entry["description"].startswith("One row per"), name
        assert hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"], name


def test_duckdb_pandas_and_pyarrow_read_the_same(
    published_home: DemoHome, con: duckdb.DuckDBPyConnection
) -> None:
    for name, entry in published_home.manifest()["tables"].items():
        file = published_home.latest / entry["file"]
        counts = {
            one(con, f"select count(*) from {name}"),
            len(pd.read_parquet(file)),
            pq.read_table(file).num_rows,
        }
        assert counts == {entry["rows"]}, name


def test_the_databases_hold_the_same_rows_and_open_from_anywhere(
    published_home: DemoHome, tmp_path: Path
) -> None:
    warehouse = published_home.root / "data" / "warehouse"
    tables = published_home.manifest()["tables"]
    for file, vault in (("cdp.duckdb", False), ("vault.duckdb", True)):
        moved = tmp_path / "elsewhere" / file
        moved.parent.mkdir(exist_ok=True)
        shutil.copyfile(warehouse / file, moved)
        here = Path.cwd()
        os.chdir(tmp_path)
        try:
            with duckdb.connect(str(moved), read_only=True) as con:
                listed = con.sql("select table_name, comment from duckdb_tables()").fetchall()
                names = {name for name, _ in listed} - {"release"}
                assert names == {n for n, entry in tables.items() if entry["vault"] is vault}
                assert all(comment for name, comment in listed if name != "release")
                for name in names:
                    parquet = published_home.latest / tables[name]["file"]
                    for left, right in (
                        (f'"{name}"', f"read_parquet('{parquet}')"),
                        (f"read_parquet('{parquet}')", f'"{name}"'),
                    ):
                        difference = f"select * from {left} except all select * from {right}"
                        assert one(con, f"select count(*) from ({difference})") == 0, name
        finally:
            os.chdir(here)


def test_personal_tables_lie_in_the_vault_for_their_owner_only(published_home: DemoHome) -> None:
    for entry in published_home.manifest()["tables"].values():
        mode = stat.S_IMODE((published_home.latest / entry["file"]).stat().st_mode)
        classes = {c for column in entry["columns"] for c in column["personal"]}
        assert entry["vault"] is bool(classes - {"pseudonym"})
        assert not entry["vault"] or mode == 0o600
    database = published_home.root / "data" / "warehouse" / "vault.duckdb"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def delivered_amounts(landing: Path) -> dict[str, Decimal]:
    """Sum what was delivered, straight from the files, per currency; bad rows are not summed."""
    con = duckdb.connect()
    web, receipts = landing / "webshop" / "orders.csv", landing / "pos" / "receipts.parquet"
    rows = con.sql(
        f"""
        select currency, sum(total) from (
            select distinct order_id, currency, try_cast(total as decimal(18, 2)) as total
            from read_csv('{web}', all_varchar = true)
            where try_strptime(ordered_at, '%Y-%m-%d %H:%M:%S') is not null
                and order_id is not null and currency is not null
            union all
            select distinct receipt_id, currency, try_cast(total as decimal(18, 2)) as total
            from read_parquet('{receipts}')
            where receipt_id is not null and sold_at is not null and currency is not null
        ) where total is not null group by currency
        """
    ).fetchall()
    return dict(rows)


def test_order_amounts_add_up_to_the_files_to_the_cent(
    published_home: DemoHome, con: duckdb.DuckDBPyConnection
) -> None:
    published = dict(
        con.sql("select currency, sum(total_amount) from orders group by 1").fetchall()
    )
    assert published == delivered_amounts(published_home.landing)


def test_the_lines_of_an_order_add_up_to_it(con: duckdb.DuckDBPyConnection) -> None:
    apart = one(
        con,
        """
        select count(*) from (
            select o.source, o.order_id
            from orders as o
            join order_lines as l using (source, order_id)
            group by all
            having sum(l.line_amount) <> any_value(o.total_amount)
                and count(*) = any_value(o.line_count)
        )
        """,
    )
    # A rejected line leaves its order short; there are a handful of planted bad rows.
    assert apart <= 3


def test_every_delivered_row_is_accounted_for(con: duckdb.DuckDBPyConnection) -> None:
    sources = con.sql(
        "select count(*), bool_and(is_passed) from data_quality "
        "where measure like 'rows delivered = rows loaded%'"
    ).fetchall()
    assert sources[0][0] >= 13
    assert sources[0][1]
    assert one(con, "select sum(failing_count) from data_quality where measure = 'rows rejected'")


def test_every_fact_has_a_customer_or_is_counted_as_an_orphan(
    con: duckdb.DuckDBPyConnection,
) -> None:
    orphans = dict(
        con.sql(
            "select table_name, failing_count from data_quality "
            "where measure = 'rows without a customer'"
        ).fetchall()
    )
    assert set(orphans) == {
        "profiles.orders",
        "profiles.order_lines",
        "profiles.messages",
        "profiles.tickets",
        "profiles.surveys",
        "profiles.subscriptions",
        "profiles.offers",
        "profiles.product_usage",
    }
    lines = one(con, "select count(*) from order_lines where customer_id is null")
    assert orphans["profiles.order_lines"] == lines > 0


def test_every_record_has_one_customer_and_every_customer_a_profile(
    con: duckdb.DuckDBPyConnection,
) -> None:
    for table in ("customer_measures", "rfm_segments", "churn_predictions", "next_best_actions"):
        for left, right in ((table, "golden_profiles"), ("golden_profiles", table)):
            missing = f"select 1 from {left} anti join {right} using (customer_id)"
            assert one(con, f"select count(*) from ({missing})") == 0, (left, right)
    mapped = "select 1 from golden_profiles anti join identity_map using (customer_id)"
    assert one(con, f"select count(*) from ({mapped})") == 0


def test_nobody_is_contacted_without_permission(con: duckdb.DuckDBPyConnection) -> None:
    """Marketing rests on consent: a chosen marketing action has a granted consent behind it."""
    without = one(
        con,
        """
        select count(*)
        from next_best_actions as n
        where n.purpose = 'marketing' and not exists (
            select 1 from consents as c
            where c.customer_id = n.customer_id and c.channel = n.channel
                and c.purpose = n.purpose and c.is_granted
        )
        """,
    )
    assert without == 0


def test_a_past_day_can_be_run_without_touching_the_home(
    published_home: DemoHome, tmp_path: Path
) -> None:
    before = published_home.latest.resolve(), published_home.hashes()
    summary = published_home.run("--as-of", "2026-03-31", "--into", str(tmp_path / "past"))
    manifest = json.loads((tmp_path / "past" / "latest" / "manifest.json").read_text("utf-8"))
    assert manifest["as_of_on"] == "2026-03-31"
    assert summary["release"].startswith("2026-03-31")
    assert (published_home.latest.resolve(), published_home.hashes()) == before
    latest = duckdb.sql(
        f"select max(last_order_on) from "
        f"read_parquet('{tmp_path / 'past' / 'latest' / 'customer_measures.parquet'}')"
    ).fetchall()[0][0]
    assert str(latest) <= "2026-03-31"
    assert not published_home.run()["is_new"]


def test_sql_check_and_lineage_say_what_they_should(published_home: DemoHome) -> None:
    said = published_home.cdp("sql", "select count(*) as n from identity_map", "--format", "csv")
    rows = published_home.manifest()["tables"]["identity_map"]["rows"]
    assert said.split() == ["n", str(rows)]
    assert "tables compile" in published_home.cdp("check")
    lineage = published_home.cdp("lineage", "rfm_segments.monetary_amount")
    assert "insight.customer_measures.net_spend_amount" in lineage
    assert "vault" in published_home.cdp("sql", "--vault", "show databases")
    assert "no table" in published_home.cdp("lineage", "nothing.here", expect=1)
