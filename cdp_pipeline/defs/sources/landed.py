"""Source tables: what has landed for each contract, loaded once."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cdp_pipeline.ingest import (
    Aged,
    CurrentRows,
    Delivery,
    Drift,
    Limits,
    LoadReport,
    SourceTable,
    current_rows,
    load_source,
    published_columns,
)
from cdp_pipeline.quality import RuleResult, evaluate, with_trend
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels.tables import Severity
from cdp_pipeline.warehouse import TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import sealed_connection, translated
from cdp_pipeline.warehouse.exports import read_exports

PAST_RETENTION = "rows past retention by delivery"
_HARMLESS = ("reordered", "respelled")


def store_of(home: Home) -> Path:
    """Return the folder of the loaded deliveries."""
    return home.warehouse / "sources"


def load(contract: SourceTable, warehouse: Warehouse) -> TableVersion:
    """Load what is new for a contract, and point the source table at its current rows."""
    home = warehouse.home
    limits = Limits(threads=home.settings.threads, memory_gb=home.settings.memory_limit_gb)
    with warehouse.timed(contract.name) as taken:
        report = load_source(
            contract, home.landing, store_of(home), spill=warehouse.spill, limits=limits
        )
        rows = current_rows(contract, report.deliveries, store=store_of(home))
        rows, past = _in_use(contract, warehouse, rows, report)
        before = warehouse.store.head(contract.name)
        started = time.process_time()
        same = before if before and before.content_hash == rows.content_hash else None
        rules = (_kept_rules(same) if same else ()) or _rules(contract, warehouse, rows)
        taken.check_cpu_seconds = round(time.process_time() - started, 3)
    version = TableVersion(
        table=contract.name,
        fingerprint=rows.content_hash[:20],
        content_hash=rows.content_hash,
        files=tuple(warehouse.store.relative(file) for file in rows.files),
        row_count=rules[0].total_count,
        columns=tuple((c.name, c.type) for c in warehouse.table(contract.name).columns),
        inputs={},
        sql=warehouse.store.portable(rows.sql),
        checks=with_trend((*_accounting(report), *rules), before.checks if before else ()),
        figures=_figures(report, _touched_by(report, warehouse), past),
        seconds=taken.seconds,
        cpu_seconds=taken.cpu_seconds,
        check_cpu_seconds=taken.check_cpu_seconds,
    )
    return warehouse.use(
        version,
        "made" if report.new else "unchanged",
        news=_news(report, _touched_by(report, warehouse)),
    )


def _in_use(
    contract: SourceTable, warehouse: Warehouse, rows: CurrentRows, report: LoadReport
) -> tuple[CurrentRows, dict[str, int]]:
    """Return the rows that are within their retention, and how many of each delivery are not.

    Where the clock follows the latest event, the newest row of the table itself stands for today.
    """
    if contract.retention is None or not rows.files:
        return rows, {}
    aged = Aged.of(contract, rows, report.deliveries)
    settings = warehouse.home.settings
    today = dt.datetime.now(ZoneInfo(settings.time_zone)).date()
    with (
        translated(f"looking for rows of {contract.name} past their retention"),
        sealed_connection(
            files=rows.files,
            spill=warehouse.spill,
            threads=settings.threads,
            memory_limit_gb=settings.memory_limit_gb,
        ) as connection,
    ):
        as_of = settings.as_of if isinstance(settings.as_of, dt.date) else today
        if settings.as_of == "latest_event":
            newest = connection.sql(aged.newest_sql).fetchall()[0][0]
            as_of = min(newest, today) if newest is not None else today
        past = {str(d): int(n) for d, n in connection.sql(aged.past_on(as_of)).fetchall()}
    # How many rows are too old says which: the day itself would make the same rows anew each day.
    content = f"{rows.content_hash}:{contract.retention}:{sorted(past.items())}"
    hashed = hashlib.sha256(content.encode()).hexdigest()
    return CurrentRows(aged.kept_on(as_of), rows.files, hashed), past


def touched_columns(warehouse: Warehouse) -> Callable[[str, str], Sequence[str]]:
    """Return what a source column goes into, of all that is published."""
    exports = read_exports(warehouse.home, warehouse.project)
    return published_columns(warehouse.project, {e.table: e.name for e in exports})


def _touched_by(report: LoadReport, warehouse: Warehouse) -> Callable[[str, str], Sequence[str]]:
    """Return what a column that drifted goes into; nothing is looked up where none did."""
    if not any(delivery.drift for delivery in report.deliveries):
        return lambda _, __: ()
    return touched_columns(warehouse)


def _rules(
    contract: SourceTable, warehouse: Warehouse, rows: CurrentRows
) -> tuple[RuleResult, ...]:
    """Return what comes of the contract's rules on the rows that count now."""
    settings = warehouse.home.settings
    with (
        translated(f"checking {contract.name}"),
        sealed_connection(
            files=rows.files,
            spill=warehouse.spill,
            threads=settings.threads,
            memory_limit_gb=settings.memory_limit_gb,
        ) as connection,
    ):
        return tuple(evaluate(connection, warehouse.table(contract.name), f"({rows.sql})"))


def _kept_rules(same: TableVersion) -> tuple[RuleResult, ...]:
    """Return what came of the contract's rules when the same rows were checked."""
    return tuple(
        RuleResult(**{name: check[name] for name in RuleResult.__slots__})
        for check in same.checks
        if check.get("why") in ("key", "contract")
    )


Touched = Callable[[str, str], Sequence[str]]


def _refused(delivery: Delivery, touched: Touched) -> dict[str, str]:
    """Return what the closing summary says of a refused file."""
    breaking = [drift for drift in delivery.drift if drift.is_breaking]
    told = "; ".join(d.told(touched(delivery.source_table, d.column)) for d in breaking)
    untold = "; ".join(drift.message for drift in breaking)
    reason = told if breaking and delivery.reason == untold else delivery.reason
    return {"file": delivery.file, "reason": reason, "hint": delivery.hint}


def _drifted(report: LoadReport) -> tuple[Drift, ...]:
    """Return how the newest delivery's columns differ from the contract."""
    return report.deliveries[-1].drift if report.deliveries else ()


def _news(report: LoadReport, touched: Touched) -> dict[str, Any]:
    """Return what this look at the landing folder brought, for the closing summary."""
    new = report.new
    refused = [d for d in new if d.status == "refused"]
    return {
        "rows_delivered": sum(d.rows_delivered for d in new),
        "rows_loaded": sum(d.rows_loaded for d in new if d.status == "loaded"),
        "rows_rejected": sum(d.rows_rejected for d in new if d.status == "loaded"),
        "rows_refused": sum(d.rows_refused for d in new),
        "rows_already_loaded": sum(d.rows_already_loaded for d in new),
        "files": len(new),
        "refused": [_refused(delivery, touched) for delivery in refused],
        "skipped": [f"{file.name}: {file.reason}" for file in report.skipped],
        "warnings": [
            *(f"{report.contract.name}: {warning}" for warning in report.warnings),
            *(
                f"{d.file}: {drift.told(touched(d.source_table, drift.column))}"
                for d in new
                if d.status == "loaded"
                for drift in d.drift
                if drift.kind not in _HARMLESS
            ),
        ],
        "has_files": bool(report.deliveries),
    }


def _accounting(report: LoadReport) -> tuple[RuleResult, ...]:
    ledger = report.deliveries
    refused = sum(1 for delivery in ledger if delivery.status == "refused")
    delivered = sum(delivery.rows_delivered for delivery in ledger)
    rejected = sum(delivery.rows_rejected for delivery in ledger)
    unaccounted = sum(
        abs(d.rows_delivered - d.rows_rejected - d.rows_loaded)
        for d in ledger
        if d.status == "loaded"
    )

    drifted = sum(1 for drift in _drifted(report) if drift.kind not in _HARMLESS)
    declared = len(report.contract.columns)

    def result(rule: str, severity: Severity, failing: int, total: int) -> RuleResult:
        return RuleResult(rule, severity, failing == 0, failing, total, "accounting")

    return (
        result("rows delivered = rows loaded + rows rejected", "block", unaccounted, delivered),
        result("every delivery is accepted", "warn", refused, len(ledger)),
        result("no row is rejected", "warn", rejected, delivered),
        result("the newest delivery has the contract's columns", "warn", drifted, declared),
    )


def _figures(report: LoadReport, touched: Touched, past: Mapping[str, int]) -> dict[str, Any]:
    ledger = report.deliveries
    figures: dict[str, Any] = {
        "deliveries": len(ledger),
        "rows delivered": sum(d.rows_delivered for d in ledger),
        "rows rejected": sum(d.rows_rejected for d in ledger),
        "rows refused": sum(d.rows_refused for d in ledger),
    }
    name, contract = report.contract.name, report.contract
    if drift := [found.told(touched(name, found.column)) for found in _drifted(report)]:
        figures["drift"] = drift
    if contract.retention is not None:
        figures["rows past retention"] = sum(past.values())
        figures[PAST_RETENTION] = dict(past)
    if contract.licence is not None:
        until = f", until {contract.expires.isoformat()}" if contract.expires else ""
        figures["licence"] = f"{contract.licence}{until}"
    if report.warnings:
        figures["warnings"] = list(report.warnings)
    if report.skipped:
        figures["skipped files"] = [f"{file.name}: {file.reason}" for file in report.skipped]
    return figures
