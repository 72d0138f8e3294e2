"""Data quality as a table: every check's result, the row accounting and the orphans.

Counts only: no value that a check failed on is kept anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.store import Store

_SCHEMA = pa.schema(
    [
        ("table_name", pa.string()),
        ("measure", pa.string()),
        ("severity", pa.string()),
        ("is_passed", pa.bool_()),
        ("failing_count", pa.int64()),
        ("total_count", pa.int64()),
    ]
)

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


def check_results(home: Home) -> Mapping[str, Any]:
    """Return the check results of the current tables, the report on them excepted."""
    return {
        name: [{field: check.get(field, "") for field in _STABLE} for check in version.checks]
        for name, version in sorted(Store(home).heads().items())
        if not name.startswith("export.")
    }


def data_quality(con: Connection, home: Home) -> dict[str, str]:
    """Put together what is known about the quality of this release.

    Parameters
    ----------
    con : Connection
        Sees the ledger, the facts and the identity map.
    home : Home
        Whose tables' check results are read.

    Returns
    -------
    dict
        ``export.data_quality``.
    """
    rows = [
        _row(table, c["rule"], c["severity"], c["passed"], c["failing_count"], c["total_count"])
        for table, checks in check_results(home).items()
        for c in checks
    ]
    for table, failing, total in con.sql(_ORPHANS).fetchall():
        rows.append(_row(table, "rows without a customer", "info", True, failing, total))
    for table, files, delivered, loaded, rejected, refused, again in con.sql(
        _ACCOUNTING
    ).fetchall():
        adds_up = delivered == loaded + rejected + refused + again
        rows += [
            _row(
                table,
                "rows delivered = loaded + rejected + refused + already loaded",
                "block",
                adds_up,
                abs(delivered - loaded - rejected - refused - again),
                delivered,
            ),
            _row(table, "files delivered", "info", True, 0, files),
            _row(table, "rows loaded", "info", True, 0, loaded),
            _row(table, "rows rejected", "info", True, rejected, delivered),
            _row(table, "rows in refused deliveries", "info", True, refused, delivered),
            _row(table, "rows already loaded", "info", True, 0, again),
        ]
    con.register("data_quality_rows", pa.Table.from_pylist(rows, _SCHEMA))
    return {"export.data_quality": "data_quality_rows"}


def _row(
    table: str, measure: str, severity: str, passed: bool, failing: int, total: int
) -> dict[str, Any]:
    return {
        "table_name": table,
        "measure": measure,
        "severity": severity,
        "is_passed": passed,
        "failing_count": failing,
        "total_count": total,
    }
