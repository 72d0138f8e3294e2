"""The second home reads Microsoft's lab exports whole. Skipped where CDP_DATASETS is not set."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from cdp_pipeline.ingest import current_rows, load_contracts, load_source

HOME = Path(__file__).parents[2] / "examples" / "contoso" / "dbt_like_sql"
ROWS = {
    "sources.crm_contacts": 19,
    "sources.loyalty_members": 5_002,
    "sources.loyalty_purchases": 20_024,
    "sources.webshop_contacts": 5_000,
    "sources.webshop_purchases": 12_369,
}

pytestmark = pytest.mark.skipif(
    not (Path(os.environ.get("CDP_DATASETS", "/no")) / "contoso_customer_insights").is_dir(),
    reason="CDP_DATASETS does not name a folder with contoso_customer_insights",
)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """Return a database in which every source table is loaded."""
    folder = tmp_path_factory.mktemp("contoso")
    con = duckdb.connect()
    con.execute("create schema sources")
    for contract in load_contracts(HOME / "sources"):
        report = load_source(contract, folder, folder / "store", spill=folder / "spill")
        rows = current_rows(contract, report.deliveries, store=folder / "store")
        con.execute(f"create view {contract.name} as {rows.sql}")
    return con


def _staged(entity: str, source: str) -> str:
    return (HOME / "staging" / entity / f"{source}.sql").read_text(encoding="utf-8")


def test_every_row_is_loaded(sources: duckdb.DuckDBPyConnection) -> None:
    found = {
        name: sources.execute(f"select count(*) from {name}").fetchall()[0][0] for name in ROWS
    }
    assert found == ROWS


def test_every_purchase_is_an_order_with_one_line(sources: duckdb.DuckDBPyConnection) -> None:
    for source, count, total in [("webshop", 12_369, 3_391_432), ("loyalty", 20_024, 2_250_877)]:
        orders, lines = _staged("orders", source), _staged("order_lines", source)
        assert sources.execute(
            f"select count(*), sum(total_amount) from ({orders})"
        ).fetchall() == [(count, total)]
        assert sources.execute(f"select count(*), sum(line_amount) from ({lines})").fetchall() == [
            (count, total)
        ]


def test_carried_attributes_give_the_labs_segment(sources: duckdb.DuckDBPyConnection) -> None:
    contacts = _staged("customer_records", "webshop")
    assert sources.execute(
        f"select count(*), count(*) filter (customer_satisfaction = 'low') from ({contacts})"
        " where region = 'California' and loyalty_tier <> 'high' and occupation <> 'Teacher'"
    ).fetchall() == [(488, 405)]


def test_the_answer_key_is_not_used() -> None:
    for path in (HOME / "staging").rglob("loyalty.sql"):
        code = [line for line in path.read_text().splitlines() if not line.startswith("--")]
        assert "contact_id" not in "\n".join(code), path
