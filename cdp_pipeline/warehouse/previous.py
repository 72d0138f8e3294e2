"""The release in front, which models read as the schema ``previous``.

A release is a function of the landed files, clock, models, code and the previous release. Making
the same release again (an idle run, a run that goes on after a kill, ``--force``) must therefore
use the same previous one, and a run whose inputs changed the newest one. Which it is is decided
once per run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdp_pipeline.warehouse.engine import identifier, literal
from cdp_pipeline.warehouse.store import Store, fingerprint_of, write_json

POINTER = "latest.json"
MANIFEST = "manifest.json"
# A table with this ending holds one row: a trained model. It is made anew by training, not by
# every change of its inputs.
MODEL_SUFFIX = "_model"


@dataclass(frozen=True)
class Release:
    """A published release."""

    name: str
    folder: Path
    manifest: Mapping[str, Any]

    def file(self, table: str) -> Path | None:
        """Return the Parquet file of a published table, or None where it was not published."""
        entry = self.manifest["tables"].get(table)
        return None if entry is None else self.folder / entry["file"]


def open_release(exports: Path, name: str) -> Release | None:
    """Return a release by name, or None where its retention has ended."""
    folder = exports / "releases" / name
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Release(name, folder, manifest)


def latest_release(exports: Path) -> Release | None:
    """Return the release that ``latest`` points at, or None before the first."""
    try:
        name = json.loads((exports / POINTER).read_text(encoding="utf-8"))["release"]
    except FileNotFoundError:
        return None
    return open_release(exports, name)


def inputs_hash(store: Store, code: str) -> str:
    """Return the hash of everything a release is a function of, the previous release excepted."""
    heads = store.heads()
    sources = {
        name: head.content_hash
        for name, head in heads.items()
        if (name.startswith("sources.") and name not in _REPORTS) or name.endswith(MODEL_SUFFIX)
    }
    return fingerprint_of(
        {
            "heads": sources,
            "settings": store.home.settings.that_change_results(),
            "code": code,
        }
    )


# The ledger and the rejected rows tell of runs; no model reads them to decide anything.
_SOURCE_COLUMNS = ("source", "record_source")
_REPORTS = (
    "sources.deliveries",
    "sources.rejected_rows",
    "sources.rejected_decisions",
    "sources.schema_drift",
    "sources.freshness",
)


def previous_for_run(store: Store, *, run_id: str, code: str, train: bool) -> Release | None:
    """Return the release in front of the one this run makes; the same answer all through a run."""
    note = store.home.heads.parent / "run.json"
    published = store.home.root / "data" / "exports"
    try:
        decided = json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        decided = {}
    if decided.get("run_id") != run_id:
        decided = {"run_id": run_id, "previous": _decide(store, published, code, train=train)}
        write_json(note, decided)
    name = decided["previous"]
    return None if name is None else open_release(published, name)


def _decide(store: Store, published: Path, code: str, *, train: bool) -> str | None:
    latest = latest_release(published)
    if latest is None:
        return None
    same = latest.manifest["inputs_hash"] == inputs_hash(store, code)
    if same and not train and store.home.into is None:
        name: str | None = latest.manifest["previous"]
        return name
    return latest.name


def view_sql(
    release: Release | None,
    table: str,
    columns: Mapping[str, str],
    renamed: Mapping[str, str] | None = None,
) -> str:
    """Return a SELECT of the declared columns of a previously published table.

    A column that the older release does not have is null; before the first release the table is
    empty. The name of a source that was renamed since, given as former name to new one, is read
    as the new one, so that its records keep their customers.
    """
    file = None if release is None else release.file(table)
    if file is None or release is None:
        empty = ", ".join(f"cast(null as {kind}) as {identifier(n)}" for n, kind in columns.items())
        return f"select {empty} where false"
    had = {column["name"] for column in release.manifest["tables"][table]["columns"]}
    cases = " ".join(
        f"when {literal(old)} then {literal(new)}" for old, new in (renamed or {}).items()
    )

    def value(name: str) -> str:
        column = identifier(name) if name in had else "null"
        is_source = cases and name in had and name in _SOURCE_COLUMNS
        return f"case {column} {cases} else {column} end" if is_source else column

    selected = ", ".join(
        f"cast({value(name)} as {kind}) as {identifier(name)}" for name, kind in columns.items()
    )
    return f"select {selected} from read_parquet({literal(file)})"
