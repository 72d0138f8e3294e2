"""What the columns of source tables and published tables hold, and how that changed.

Belongs here: which tables, what was profiled before and need not be again, and the comparison with
the last release. How a column is profiled stands in ``quality.profiles``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cdp_pipeline.quality.profiles import profile
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project, Table
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.exports import read_exports
from cdp_pipeline.warehouse.store import Store, fingerprint_of, write_json

_SCHEMA = pa.schema(
    [
        ("table_name", pa.string()),
        ("column_name", pa.string()),
        ("column_position", pa.int32()),
        ("column_type", pa.string()),
        ("personal_classes", pa.string()),
        ("row_count", pa.int64()),
        ("filled_count", pa.int64()),
        ("distinct_count", pa.int64()),
        ("is_distinct_exact", pa.bool_()),
        ("min_value", pa.string()),
        ("max_value", pa.string()),
        ("top_patterns", pa.string()),
    ]
)
_COMPARED = """
    select
        today.table_name,
        today.column_name,
        today.column_position,
        today.column_type,
        today.personal_classes,
        today.row_count,
        today.filled_count,
        (today.filled_count / nullif(today.row_count, 0))::decimal(9, 6) as filled_ratio,
        today.distinct_count,
        today.is_distinct_exact,
        today.min_value,
        today.max_value,
        today.top_patterns,
        before.row_count as row_count_before,
        before.filled_ratio as filled_ratio_before,
        before.distinct_count as distinct_count_before,
        before.column_name is null as is_new
    from column_profile_rows as today
    left join previous.column_profiles as before
        on
            today.table_name = before.table_name
            and today.column_name = before.column_name
"""


def profiled_tables(home: Home, project: Project) -> list[str]:
    """Return the tables whose columns are profiled: sources and what is published of them."""
    sources = {table.name for table in project.tables.values() if table.made_by == "source"}
    published = {export.table for export in read_exports(home, project)}
    return sorted(name for name in sources | published if not name.startswith("export."))


def column_profiles(
    con: Connection, home: Home, tables: Sequence[Table], *, code: str
) -> dict[str, str]:
    """Profile the columns of tables, and compare them with the last release.

    Parameters
    ----------
    con : Connection
        Sees the tables, and what was published of profiles before.
    home : Home
        Where profiles are kept between runs: a table that is the same is not read again.
    tables : sequence of Table
    code : str
        Hash of the code that profiles.

    Returns
    -------
    dict
        ``export.column_profiles``.
    """
    heads = Store(home).heads()
    folder = home.warehouse / "export" / ".profiled"
    rows = []
    for table in tables:
        of = fingerprint_of(
            {
                "code": code,
                "engine": duckdb.__version__,
                "content": heads[table.name].content_hash,
                "columns": [(c.name, c.type, sorted(c.personal)) for c in table.columns],
                "key": table.key,
            }
        )
        kept = folder / f"{table.name}.json"
        found = _read(kept, of)
        if found is None:
            found = profile(con, table, table.name)
            write_json(kept, {"of": of, "columns": found})
        rows += [
            {"table_name": table.name, "column_position": place, **column}
            for place, column in enumerate(found, start=1)
        ]
    con.register("column_profile_rows", pa.Table.from_pylist(rows, _SCHEMA))
    return {"export.column_profiles": _COMPARED}


def _read(kept: Path, of: str) -> list[dict[str, Any]] | None:
    """Return the profile that was kept, if it is of this very table."""
    try:
        content = json.loads(kept.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    found: list[dict[str, Any]] | None = content["columns"] if content["of"] == of else None
    return found
