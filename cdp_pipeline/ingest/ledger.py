"""The ledger as tables: ``sources.deliveries`` and ``sources.rejected_rows``.

Belongs here: the SELECTs that make the two tables from the deliveries' sidecars, and their
columns' types. The sidecars themselves are ``deliveries``' business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    "rows_past_retention": "bigint",
    "drift": "varchar",
    "reason": "varchar",
    "hint": "varchar",
    "seconds": "double",
    "loaded_at": "timestamp",
}
DRIFT_COLUMNS: Mapping[str, str] = {
    "source_table": "varchar",
    "delivery": "varchar",
    "kind": "varchar",
    "column_name": "varchar",
    "is_breaking": "boolean",
    "is_current": "boolean",
    "message": "varchar",
    "hint": "varchar",
    "touched_count": "bigint",
    "touches": "varchar",
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


Touched = Callable[[str, str], Sequence[str]]
"""The published columns that a source table's column goes into."""


def _nothing_touched(_: str, __: str) -> Sequence[str]:
    return ()


def deliveries_table(
    contracts: Sequence[SourceTable],
    ledger: Ledger,
    *,
    touched: Touched = _nothing_touched,
    past_retention: Mapping[str, int] | None = None,
) -> LedgerTable:
    """Return ``sources.deliveries``: one row per landed file, with what became of it.

    Parameters
    ----------
    contracts : sequence of SourceTable
    ledger : Mapping
        The deliveries of each table.
    touched : callable, optional
        What a column that drifted goes into.
    past_retention : Mapping, optional
        By delivery, how many of its rows are left out for their age.
    """
    rows = []
    for contract in contracts:
        deliveries = ledger.get(contract.name, ())
        current = {d.delivery for d in active_deliveries(contract, deliveries)}
        for delivery in deliveries:
            is_current = delivery.delivery in current and delivery.status == "loaded"
            past = (past_retention or {}).get(delivery.delivery, 0) if is_current else 0
            rows.append(_row(delivery, is_current, past, touched))
    return LedgerTable(_values(DELIVERY_COLUMNS, rows))


def drift_table(
    contracts: Sequence[SourceTable], ledger: Ledger, *, touched: Touched = _nothing_touched
) -> LedgerTable:
    """Return ``sources.schema_drift``: one row per difference between a file and its contract.

    Parameters
    ----------
    contracts, ledger, touched
        As for `deliveries_table`.
    """
    rows = {}
    for contract in contracts:
        deliveries = ledger.get(contract.name, ())
        newest = max((d.sequence for d in deliveries), default=0)
        for delivery in deliveries:
            for drift in delivery.drift:
                into = touched(contract.name, drift.column) if drift.takes_values else ()
                values = [
                    literal(contract.name),
                    literal(delivery.delivery),
                    literal(drift.kind),
                    literal(drift.column),
                    str(drift.is_breaking).lower(),
                    str(delivery.sequence == newest).lower(),
                    literal(drift.message),
                    literal(drift.hint),
                    str(len(into)),
                    literal(", ".join(into)) if into else "null",
                ]
                key = (contract.name, delivery.delivery, drift.kind, drift.column)
                rows[key] = f"({', '.join(values)})"
    return LedgerTable(_values(DRIFT_COLUMNS, [rows[key] for key in sorted(rows)]))


def _values(columns: Mapping[str, str], rows: Sequence[str]) -> str:
    """Return the SELECT of rows that are written out."""
    typed = ", ".join(f"cast({n} as {kind}) as {n}" for n, kind in columns.items())
    values = ", ".join(rows) if rows else f"({', '.join(['null'] * len(columns))})"
    where = "" if rows else " where false"
    return f"select {typed} from (values {values}) as t({', '.join(columns)}){where}"


def _row(delivery: Delivery, is_current: bool, past_retention: int, touched: Touched) -> str:
    drift = "; ".join(d.told(touched(delivery.source_table, d.column)) for d in delivery.drift)
    values: list[str] = [
        literal(delivery.source_table),
        str(delivery.sequence),
        literal(delivery.delivery),
        literal(delivery.file),
        literal(delivery.sha256),
        str(delivery.bytes),
        literal(delivery.status),
        str(is_current).lower(),
        str(delivery.rows_delivered),
        str(delivery.rows_loaded),
        str(delivery.rows_rejected),
        str(delivery.rows_refused),
        str(delivery.rows_already_loaded),
        str(past_retention),
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
    names: dict[str, str] = {}
    for contract in contracts:
        for delivery in ledger.get(contract.name, ()):
            path = rejected_file(contract, store, delivery.delivery)
            if delivery.status != "already_loaded" and path not in files and path.is_file():
                files.append(path)
                if contract.former_folder is not None:
                    names[f"sources.{contract.former_folder}"] = contract.name
    typed = ", ".join(f"cast({n} as {kind}) as {n}" for n, kind in REJECTED_COLUMNS.items())
    for former, name in names.items():
        typed = typed.replace(
            "cast(source_table as varchar)",
            f"replace(source_table, {literal(former)}, {literal(name)})",
            1,
        )
    if not files:
        nulls = ", ".join(f"cast(null as {k}) as {n}" for n, k in REJECTED_COLUMNS.items())
        return LedgerTable(f"select {nulls} where false")
    listed = ", ".join(literal(path) for path in files)
    return LedgerTable(f"select {typed} from read_parquet([{listed}])", tuple(files))
