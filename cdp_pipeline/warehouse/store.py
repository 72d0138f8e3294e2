"""Versions of tables, and the pointers ("heads") to the current ones.

Every version has a sidecar ``<fingerprint>.json`` written after its Parquet file: only a version
with a sidecar exists. A head names the version a table has now; the next run sets it anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cdp_pipeline.errors import StepError
from cdp_pipeline.settings import Home

_WAREHOUSE = "{warehouse}"


@dataclass(frozen=True)
class TableVersion:
    """One version of one table.

    Attributes
    ----------
    table : str
        ``layer.table``.
    fingerprint : str
        Hash of everything the version was made from.
    content_hash : str
        SHA-256 of what it holds; equal contents, equal hash.
    files : tuple of str
        Parquet files, relative to the warehouse where they lie in it.
    row_count : int
    columns : tuple of (name, type)
    inputs : mapping
        Content hash of each table it was made from.
    sql : str or None
        SELECT over the files where the table is more than all their rows.
    checks : tuple of mapping
        Results of its rules: ``rule, severity, passed, failing_count, total_count, why,
        failing_before``.
    figures : mapping
        Figures worth seeing, without any personal value.
    seconds : float
        What it took to make, wall.
    cpu_seconds : float
        What it took to make, processor.
    check_cpu_seconds : float
        What of it its rules took.
    """

    table: str
    fingerprint: str
    content_hash: str
    files: tuple[str, ...]
    row_count: int
    columns: tuple[tuple[str, str], ...]
    inputs: Mapping[str, str]
    sql: str | None = None
    checks: tuple[Mapping[str, Any], ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    check_cpu_seconds: float = 0.0

    @property
    def failed_blocking_checks(self) -> tuple[Mapping[str, Any], ...]:
        """Checks that must stop a release."""
        return tuple(c for c in self.checks if c["severity"] == "block" and not c["passed"])


class Store:
    """Where the versions of one home's tables lie."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def folder(self, table: str) -> Path:
        """Return the folder of a table's versions."""
        layer, name = table.split(".")
        return self.home.warehouse / layer / name

    def parquet(self, table: str, fingerprint: str) -> Path:
        """Return the Parquet file of a version."""
        return self.folder(table) / f"{fingerprint}.parquet"

    def version(self, table: str, fingerprint: str) -> TableVersion | None:
        """Return a version, or None where it does not exist."""
        return _read(self.folder(table) / f"{fingerprint}.json")

    def version_holding(self, table: str, content_hash: str) -> TableVersion | None:
        """Return a version of a table that holds certain content, or None where none is left."""
        for sidecar in sorted(self.folder(table).glob("*.json")):
            version = _read(sidecar)
            if version is not None and version.content_hash == content_hash:
                return version
        return None

    def save(self, version: TableVersion) -> None:
        """Write the sidecar that makes a version exist."""
        write_json(self.folder(version.table) / f"{version.fingerprint}.json", _plain(version))

    def head(self, table: str) -> TableVersion | None:
        """Return the version a table has now, or None before its first run."""
        return _read(self.home.heads / f"{table}.json")

    def heads(self) -> dict[str, TableVersion]:
        """Return every table's current version, by table name."""
        found = (_read(file) for file in sorted(self.home.heads.glob("*.json")))
        return {version.table: version for version in found if version}

    def set_head(self, version: TableVersion) -> None:
        """Make a version the current one of its table."""
        file = self.home.heads / f"{version.table}.json"
        plain = _plain(version)
        if not file.exists() or json.loads(file.read_text(encoding="utf-8")) != plain:
            write_json(file, plain)

    def remove_stale(self, *, older_than_days: float) -> int:
        """Remove versions that no table has now and that are older than so many days.

        Deliveries (the files of source tables) are never removed here. Returns how many versions
        went.
        """
        current = {(version.table, version.fingerprint) for version in self.heads().values()}
        oldest = time.time() - older_than_days * 86_400
        removed = 0
        for sidecar in self.home.warehouse.glob("*/*/*.json"):
            layer, name = sidecar.parts[-3:-1]
            table = f"{layer}.{name}"
            if table not in {known for known, _ in current} or (table, sidecar.stem) in current:
                continue
            # The folders of source tables hold deliveries, which are no versions.
            content = json.loads(sidecar.read_text(encoding="utf-8"))
            if content.get("fingerprint") == sidecar.stem and sidecar.stat().st_mtime < oldest:
                # The sidecar first: without it the version does not exist.
                sidecar.unlink()
                self.parquet(table, sidecar.stem).unlink(missing_ok=True)
                removed += 1
        return removed

    def needed_head(self, table: str, *, by: str) -> TableVersion:
        """Return the current version of an input.

        Raises
        ------
        StepError
            If the input was never made, or its files are gone.
        """
        version = self.head(table)
        if version is None:
            raise StepError(
                f"{by} reads {table}, which has not been made yet.",
                f"Materialise {table} first, or everything with `cdp run`.",
            )
        missing = [file for file in self.paths(version) if not file.exists()]
        if missing:
            raise StepError(
                f"{by} reads {table}, whose file {missing[0].name} is gone from the warehouse.",
                "`cdp run` makes it anew.",
            )
        return version

    def paths(self, version: TableVersion) -> list[Path]:
        """Return the absolute paths of a version's files."""
        return [self.home.warehouse / file for file in version.files]

    def select(self, version: TableVersion) -> str:
        """Return the SELECT that gives a version's rows."""
        from cdp_pipeline.warehouse.engine import read_parquet_sql

        if version.sql is not None:
            return version.sql.replace(_WAREHOUSE, str(self.home.warehouse).replace("'", "''"))
        return read_parquet_sql(self.paths(version))

    def portable(self, text: str) -> str:
        """Return SQL that still holds after the home was moved to another folder."""
        return text.replace(str(self.home.warehouse).replace("'", "''"), _WAREHOUSE)

    def relative(self, path: Path) -> str:
        """Return a path relative to the warehouse."""
        return path.relative_to(self.home.warehouse).as_posix()


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """Return the hash of everything a version is made from (20 hex digits)."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_hash(file: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(file: Path, content: Any) -> None:
    """Write JSON in one step: readers see the old file or the new one."""
    write_text(file, json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n")


def write_text(file: Path, text: str) -> None:
    """Write a text file in one step."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)


def _plain(version: TableVersion) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(version), default=str))
    return plain


def _read(file: Path) -> TableVersion | None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    content["files"] = tuple(content["files"])
    content["columns"] = tuple((name, kind) for name, kind in content["columns"])
    content["checks"] = tuple(content["checks"])
    return TableVersion(**content)
