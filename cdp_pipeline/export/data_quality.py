"""Data quality as a table: every rule's result, row accounting, orphans, a score per source.

Counts only: no value that a rule failed on is kept anywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cdp_pipeline.ingest import SourceTable
from cdp_pipeline.project import home_contracts
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.store import Store

_SCHEMA = pa.schema(
    [
        ("table_name", pa.string()),
        ("measure", pa.string()),
        ("kind", pa.string()),
        ("severity", pa.string()),
        ("is_passed", pa.bool_()),
        ("failing_count", pa.int64()),
        ("total_count", pa.int64()),
        ("quality_ratio", pa.decimal128(9, 6)),
        ("why", pa.string()),
    ]
)

# How often a source is expected where its contract does not say.
_EXPECTED_DAYS = 7

# What of a check is a function of the table; how it changed depends on what ran before.
_STABLE = ("rule", "severity", "passed", "failing_count", "total_count", "why")

# Facts that should belong to a customer; visits and carts of strangers are no orphans.
_FACTS = (
    "orders",
    "order_lines",
    "messages",
    "tickets",
    "surveys",
    "subscriptions",
    "offers",
    "product_usage",
)
_ORPHANS = " union all ".join(
    f"""
    select 'profiles.{fact}', count(*) - count(customer_id), count(*)
    from profiles.{fact}
    """
    for fact in _FACTS
)

# delivered = loaded + rejected + refused + already loaded, per source table.
_ACCOUNTING = """
    select
        source_table,
        count(*)::bigint as files,
        coalesce(sum(rows_delivered), 0)::bigint as delivered,
        coalesce(sum(rows_loaded) filter (where status = 'loaded'), 0)::bigint as loaded,
        coalesce(sum(rows_rejected) filter (where status = 'loaded'), 0)::bigint as rejected,
        coalesce(sum(rows_delivered) filter (where status = 'refused'), 0)::bigint as refused,
        coalesce(sum(rows_delivered) filter (where status = 'already_loaded'), 0)::bigint as again
    from sources.deliveries
    group by source_table
    order by source_table
"""

_SIX = Decimal("0.000001")
_FILLED = """
    select table_name, sum(row_count - filled_count)::bigint, sum(row_count)::bigint
    from export.column_profiles
    where table_name like 'sources.%'
    group by table_name
"""
_NEWEST = """
    select table_name, column_name, max_value::timestamp::date
    from export.column_profiles
    where max_value is not null and column_type in ('date', 'timestamp')
"""
_COMPARED = """
    select
        today.*,
        before.failing_count as failing_count_before,
        today.failing_count - before.failing_count as failing_count_change,
        before.quality_ratio as quality_ratio_before
    from data_quality_rows as today
    left join previous.data_quality as before
        on today.table_name = before.table_name and today.measure = before.measure
"""


def check_results(home: Home) -> Mapping[str, Any]:
    """Return the check results of the current tables, the report on them excepted."""
    return {
        name: [{field: check.get(field, "") for field in _STABLE} for check in version.checks]
        for name, version in sorted(Store(home).heads().items())
        if not name.startswith("export.")
    }


def expectations(home: Home) -> Mapping[str, Any]:
    """Return what the contracts say of how often, and by which column, a source is fresh."""
    return {c.name: [c.event_at, _expected_days(c)] for c in home_contracts(home)}


def last_tables(project: Project) -> list[str]:
    """Return the tables that no other reads, the export layer left out.

    When these are made all are, so that each table's results are those of this run.
    """
    tables = [table for table in project.tables.values() if table.layer != "export"]
    read = {name for table in tables for name in table.reads}
    return [table.name for table in tables if table.name not in read]


def data_quality(con: Connection, home: Home) -> dict[str, str]:
    """Put together what is known about the quality of this release.

    Parameters
    ----------
    con : Connection
        Sees the ledger, the facts, the profiles of columns and what was published before.
    home : Home
        Whose tables' check results are read.

    Returns
    -------
    dict
        ``export.data_quality``.
    """
    rows = [
        _row(
            table, c["rule"], "rule", c["severity"], c["failing_count"], c["total_count"], c["why"]
        )
        for table, checks in check_results(home).items()
        for c in checks
    ]
    for table, failing, total in con.sql(_ORPHANS).fetchall():
        rows.append(_row(table, "rows without a customer", "orphans", "info", failing, total))
    rows += _accounting(con)
    rows += _scores(con, home)
    con.register("data_quality_rows", pa.Table.from_pylist(rows, _SCHEMA))
    return {"export.data_quality": _COMPARED}


def _accounting(con: Connection) -> Iterator[dict[str, Any]]:
    """Yield what became of the delivered rows of each source."""
    for table, files, delivered, loaded, rejected, refused, again in con.sql(
        _ACCOUNTING
    ).fetchall():
        unaccounted = abs(delivered - loaded - rejected - refused - again)
        for measure, severity, failing, total in (
            (
                "rows delivered = loaded + rejected + refused + already loaded",
                "block",
                unaccounted,
                delivered,
            ),
            ("files delivered", "info", 0, files),
            ("rows loaded", "info", 0, loaded),
            ("rows rejected", "info", rejected, delivered),
            ("rows in refused deliveries", "info", refused, delivered),
            ("rows already loaded", "info", 0, again),
        ):
            yield _row(table, measure, "accounting", severity, failing, total)


def _scores(con: Connection, home: Home) -> Iterator[dict[str, Any]]:
    """Yield for each source that delivered how far its rows can be counted on.

    Accepted is the share of its new rows that were loaded; filled the share of its cells that hold
    something; fresh is 1 while the newest event is no older than one delivery's time, and then that
    time over its age. The score is their mean.
    """
    as_of = con.sql("select as_of_on from sources.run_clock").fetchall()[0][0]
    filled = {table: cells for table, *cells in con.sql(_FILLED).fetchall()}
    newest = {(table, column): day for table, column, day in con.sql(_NEWEST).fetchall()}
    contracts = {contract.name: contract for contract in home_contracts(home)}
    for table, _, delivered, loaded, *_, again in con.sql(_ACCOUNTING).fetchall():
        if table not in contracts or delivered == again:
            continue
        parts = [
            _row(
                table,
                "accepted rows",
                "score",
                "info",
                delivered - again - loaded,
                delivered - again,
                "delivered and not seen before, but rejected or refused",
            )
        ]
        if table in filled:
            empty, cells = filled[table]
            parts.append(
                _row(
                    table,
                    "filled cells",
                    "score",
                    "info",
                    empty,
                    cells,
                    "cells of the contract's columns without a value",
                )
            )
        contract = contracts[table]
        day = newest.get((table, contract.event_at or ""))
        if day is not None:
            parts.append(_freshness(table, max((as_of - day).days, 0), _expected_days(contract)))
        yield from parts
        ratios = [part["quality_ratio"] for part in parts if part["quality_ratio"] is not None]
        mean = (sum(ratios) / len(ratios)).quantize(_SIX) if ratios else None
        why = "mean of " + ", ".join(part["measure"] for part in parts)
        yield {**_row(table, "score", "score", "info", 0, 0, why), "quality_ratio": mean}


def _freshness(table: str, age: int, expected: int) -> dict[str, Any]:
    ratio = Decimal(1) if age <= expected else (Decimal(expected) / age).quantize(_SIX)
    why = f"days since the newest event, of {expected} that may pass"
    row = _row(table, "fresh events", "score", "info", max(age - expected, 0), age, why)
    return {**row, "quality_ratio": ratio}


def _expected_days(contract: SourceTable) -> int:
    """Return how many days may pass between two deliveries."""
    expected: dt.timedelta | None = getattr(contract, "expected_every", None)
    return max(expected.days, 1) if expected is not None else _EXPECTED_DAYS


def _row(
    table: str,
    measure: str,
    kind: str,
    severity: str,
    failing: int,
    total: int,
    why: str = "",
) -> dict[str, Any]:
    ratio = (Decimal(max(total - failing, 0)) / total).quantize(_SIX) if total else None
    return {
        "table_name": table,
        "measure": measure,
        "kind": kind,
        "severity": severity,
        "is_passed": severity == "info" or failing == 0,
        "failing_count": failing,
        "total_count": total,
        "quality_ratio": ratio,
        "why": why or None,
    }
