"""``cdp.duckdb`` (pseudonymous) and ``vault.duckdb`` (0600) of a release.

Each is built anew with native tables, so that erasure leaves no old blocks and the file works from
any folder, and renamed into place, so that whoever has it open can neither block a run nor see two
releases mixed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from cdp_pipeline.warehouse.engine import identifier, literal, translated
from cdp_pipeline.warehouse.exports import Export
from cdp_pipeline.warehouse.previous import Release

OPEN = "cdp.duckdb"
VAULT = "vault.duckdb"


def build(release: Release, file: Path, exports: Sequence[Export]) -> None:
    """Build a database of a release's tables, unless it is that release's already."""
    if _release_of(file) == release.name:
        return
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary.unlink(missing_ok=True)
    with translated(f"building {file.name}"):
        mask = os.umask(0o177 if file.name == VAULT else 0o022)
        try:
            with duckdb.connect(str(temporary)) as connection:
                for export in exports:
                    _load(connection, release, export)
                connection.execute(
                    "create table release as select "
                    f"{literal(release.name)} as release, "
                    f"cast({literal(str(release.manifest['as_of_on']))} as date) as as_of_on"
                )
        finally:
            os.umask(mask)
        temporary.replace(file)


def _load(connection: duckdb.DuckDBPyConnection, release: Release, export: Export) -> None:
    entry = release.manifest["tables"][export.name]
    table = identifier(export.name)
    file = literal(release.folder / export.file)
    connection.execute(f"create table {table} as select * from read_parquet({file})")
    connection.execute(f"comment on table {table} is {literal(entry['description'])}")
    for column in entry["columns"]:
        connection.execute(
            f"comment on column {table}.{identifier(column['name'])} "
            f"is {literal(column['description'])}"
        )


def _release_of(file: Path) -> str | None:
    """Return the release a database was built from, or None where it cannot be read."""
    if not file.exists():
        return None
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            rows = connection.sql("select release from release").fetchall()
    except duckdb.Error:
        return None
    return str(rows[0][0]) if rows else None
