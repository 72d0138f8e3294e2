"""Stewards' decisions on who is who, as they lie in data/decisions, and the rows that are none."""

from __future__ import annotations

import pyarrow as pa

from cdp_pipeline.ingest.contracts import renamed_systems
from cdp_pipeline.ingest.decisions import (
    ReadDecisions,
    pairs_table,
    read_decisions,
    rejected_table_of,
)
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made, TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.step import python_code
from cdp_pipeline.warehouse.store import fingerprint_of

DECISIONS = "sources.steward_decisions"
REJECTED = "sources.rejected_decisions"


def decisions_of(home: Home) -> ReadDecisions:
    """Return the decisions of a home, with the names that its sources have today."""
    return read_decisions(home.decisions, renamed_systems(home.sql / "sources"))


def make_decisions(warehouse: Warehouse) -> list[TableVersion]:
    """Load the decisions."""
    read = decisions_of(warehouse.home)
    figures = {
        "decisions": len({pair.decision_id for pair in read.pairs}),
        "rows that are none": len(read.rejected),
        "rows of a queue not yet decided": read.undecided,
    }
    return _make(warehouse, DECISIONS, pairs_table(read.pairs), figures)


def make_rejected(warehouse: Warehouse) -> list[TableVersion]:
    """List the rows that are no decision, with where they stand."""
    read = decisions_of(warehouse.home)
    return _make(warehouse, REJECTED, rejected_table_of(read.rejected), {})


def _make(
    warehouse: Warehouse, table: str, rows: pa.Table, figures: dict[str, int]
) -> list[TableVersion]:
    def logic(connection: Connection) -> Made:
        connection.register("decided_rows", rows)
        return Made({table: "select * from decided_rows"}, figures)

    code = python_code("cdp_pipeline.ingest.decisions")
    return warehouse.make(
        [table], logic, code=fingerprint_of({"code": code, "rows": rows.to_pylist()})
    )
