"""A town of known people, linked and published once."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdp_pipeline.explain.review import review_queue
from cdp_pipeline.explain.texts import load_texts
from cdp_pipeline.export.stored_models import model_row
from cdp_pipeline.identity import IdentityColumns, LinkageModel, load_identity_columns
from cdp_pipeline.settings import Home, find_home
from cdp_pipeline.warehouse.store import Store, TableVersion
from cdp_pipeline_tests.identity.worlds import Row, linked, publish, town, world


@dataclass(frozen=True)
class Town:
    con: duckdb.DuckDBPyConnection
    model: LinkageModel
    columns: IdentityColumns
    rows: list[Row]

    def rows_of(self, source: str, record_id: str) -> Row:
        """Return what a source delivered of a record."""
        return next(
            row for row in self.rows if (row["source"], row["record_id"]) == (source, record_id)
        )


@pytest.fixture(scope="session")
def linked_town() -> Town:
    rows = town(250)
    columns = load_identity_columns()
    model = linked(world(rows), columns)
    for number, row in enumerate(rows):
        # Fewer exact ties: most rows have to be weighed.
        for name in ("email", "phone") if number % 3 else ("birth_on",):
            row.pop(name, None)
    con = world(rows)
    linked(con, columns, model)
    publish(con)
    con.execute(
        """create schema insight;
        create table insight.customer_measures as
        select customer_id, cast(100 * count(*) as decimal(18, 2)) as net_spend_12m_amount
        from identity.identity_map group by customer_id"""
    )
    return Town(con, model, columns, rows)


TABLES = (
    "standardised_records",
    "standardised_attributes",
    "shared_identifiers",
    "record_pairs",
    "linked_clusters",
    "record_clusters",
    "decided_pairs",
    "decision_report",
    "merged_records",
    "identity_map",
    "customer_aliases",
    "customer_history",
)


@pytest.fixture(scope="session")
def town_home(linked_town: Town, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose warehouse holds the town's identity tables and review queue."""
    root = tmp_path_factory.mktemp("town")
    (root / "cdp.yml").write_text("company: Town\n", encoding="utf-8")
    home = find_home(root)
    con, model = linked_town.con, linked_town.model
    selects = {f"identity.{name}": f"select * from identity.{name}" for name in TABLES}
    selects["sources.run_clock"] = "select * from sources.run_clock"
    selects["identity.linkage_model"] = "select * from " + model_row(
        con, "linkage", model.version, model.to_bytes(), {}
    )
    texts = load_texts("en")
    selects |= review_queue(con, model, linked_town.columns, texts)
    for table, select in selects.items():
        _keep(home, table, con.sql(select).to_arrow_table())
    return home


def _keep(home: Home, table: str, rows: pa.Table) -> None:
    store = Store(home)
    file = store.parquet(table, "made-by-a-test")
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, file)
    columns = tuple((field.name, str(field.type)) for field in rows.schema)
    made = TableVersion(
        table, "made-by-a-test", table, (store.relative(file),), rows.num_rows, columns, {}
    )
    store.set_head(made)
