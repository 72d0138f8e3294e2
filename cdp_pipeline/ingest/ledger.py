"""The ledger as tables: ``sources.deliveries`` and ``sources.rejected_rows``.

Belongs here: the SELECTs that make the two tables from the deliveries' sidecars, and their
columns' types. The sidecars themselves are ``deliveries``' business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import Delivery, active_deliveries, rejected_file
from cdp_pipeline.warehouse.engine import literal

DELIVERY_COLUMNS: Mapping[str, str] = {
    "source_table": "varchar",
    "sequence": "bigint",
    "delivery": "varchar",
    "file": "varchar",
    "sha256": "varchar",
    "bytes": "bigint",
    "status": "varchar",
    "is_current": "boolean",
    "rows_delivered": "bigint",
    "rows_loaded": "bigint",
    "rows_rejected": "bigint",
    "rows_refused": "bigint",
    "rows_already_loaded": "bigint",
    "drift": "varchar",
    "reason": "varchar",
    "hint": "varchar",
    "seconds": "double",
    "loaded_at": "timestamp",
}
REJECTED_COLUMNS: Mapping[str, str] = {
    "source_table": "varchar",
    "delivery": "varchar",
    "record_number": "bigint",
    "file": "varchar",
    "column_name": "varchar",
    "reason": "varchar",
    "raw_text": "varchar",
    "repair_hint": "varchar",
}


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """A SELECT, and the files it reads."""

    sql: str
    files: tuple[Path, ...] = ()


Ledger = Mapping[str, Sequence[Delivery]]
"""The deliveries of each source table, by its name."""


def deliveries_table(contracts: Sequence[SourceTable], ledger: Ledger) -> LedgerTable:
    """Return ``sources.deliveries``: one row per landed file, with what became of it."""
    rows = []
    for contract in contracts:
        deliveries = ledger.get(contract.name, ())
        current = {d.delivery for d in active_deliveries(contract, deliveries)}
        rows += [_row(delivery, delivery.delivery in current) for delivery in deliveries]
    typed = [f"cast({n} as {kind}) as {n}" for n, kind in DELIVERY_COLUMNS.items()]
    names = ", ".join(DELIVERY_COLUMNS)
    values = ", ".join(rows) if rows else f"({', '.join(['null'] * len(DELIVERY_COLUMNS))})"
    where = "" if rows else " where false"
    return LedgerTable(f"select {', '.join(typed)} from (values {values}) as t({names}){where}")


def _row(delivery: Delivery, is_current: bool) -> str:
    drift = "; ".join(d.message for d in delivery.drift)
    is_loaded = delivery.status == "loaded"
    values: list[str] = [
        literal(delivery.source_table),
        str(delivery.sequence),
        literal(delivery.delivery),
        literal(delivery.file),
        literal(delivery.sha256),
        str(delivery.bytes),
        literal(delivery.status),
        str(is_current and is_loaded).lower(),
        str(delivery.rows_delivered),
        str(delivery.rows_loaded),
        str(delivery.rows_rejected),
        str(delivery.rows_refused),
        str(delivery.rows_already_loaded),
        literal(drift) if drift else "null",
        literal(delivery.reason) if delivery.reason else "null",
        literal(delivery.hint) if delivery.hint else "null",
        repr(delivery.seconds),
        f"cast({literal(delivery.loaded_at)} as timestamptz) at time zone 'UTC'",
    ]
    return f"({', '.join(values)})"


def rejected_table(contracts: Sequence[SourceTable], ledger: Ledger, *, store: Path) -> LedgerTable:
    """Return ``sources.rejected_rows``: one row per rejected record.

    Of refused deliveries it holds the first thousand.
    """
    files: list[Path] = []
    for contract in contracts:
        for delivery in ledger.get(contract.name, ()):
            path = rejected_file(contract, store, delivery.delivery)
            if delivery.status != "already_loaded" and path not in files and path.is_file():
                files.append(path)
    typed = ", ".join(f"cast({n} as {kind}) as {n}" for n, kind in REJECTED_COLUMNS.items())
    if not files:
        nulls = ", ".join(f"cast(null as {k}) as {n}" for n, k in REJECTED_COLUMNS.items())
        return LedgerTable(f"select {nulls} where false")
    listed = ", ".join(literal(path) for path in files)
    return LedgerTable(f"select {typed} from read_parquet([{listed}])", tuple(files))
