"""A town of known people, linked and published once."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pytest

from cdp_pipeline.identity import IdentityColumns, LinkageModel, load_identity_columns
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
