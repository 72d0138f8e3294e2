"""Source tables: what has landed for each contract, loaded once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from cdp_pipeline.ingest import (
    CurrentRows,
    Limits,
    LoadReport,
    SourceTable,
    current_rows,
    load_source,
)
from cdp_pipeline.quality import RuleResult, evaluate, with_trend
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels.tables import Severity
from cdp_pipeline.warehouse import TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import sealed_connection, translated


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
        figures=_figures(report),
        seconds=taken.seconds,
        cpu_seconds=taken.cpu_seconds,
        check_cpu_seconds=taken.check_cpu_seconds,
    )
    return warehouse.use(version, "made" if report.new else "unchanged", news=_news(report))


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


def _news(report: LoadReport) -> dict[str, Any]:
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
        "refused": [{"file": d.file, "reason": d.reason, "hint": d.hint} for d in refused],
        "skipped": [f"{file.name}: {file.reason}" for file in report.skipped],
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

    def result(rule: str, severity: Severity, failing: int, total: int) -> RuleResult:
        return RuleResult(rule, severity, failing == 0, failing, total, "accounting")

    return (
        result("rows delivered = rows loaded + rows rejected", "block", unaccounted, delivered),
        result("every delivery is accepted", "warn", refused, len(ledger)),
        result("no row is rejected", "warn", rejected, delivered),
    )


def _figures(report: LoadReport) -> dict[str, Any]:
    ledger = report.deliveries
    figures: dict[str, Any] = {
        "deliveries": len(ledger),
        "rows delivered": sum(d.rows_delivered for d in ledger),
        "rows rejected": sum(d.rows_rejected for d in ledger),
        "rows refused": sum(d.rows_refused for d in ledger),
    }
    drift = sorted({found.message for d in report.new for found in d.drift})
    if drift:
        figures["drift"] = drift
    if report.skipped:
        figures["skipped files"] = [f"{file.name}: {file.reason}" for file in report.skipped]
    return figures
