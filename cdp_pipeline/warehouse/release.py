"""Publish: one folder, one manifest, one atomic switch.

A release is refused unless every table in it is coherent (made from the very versions of its
inputs that are current) and no blocking check fails. It is built in a temporary folder and becomes
visible by two renames, the folder's and the pointer's; whoever reads ``latest`` sees the old one
whole or the new one whole.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cdp_pipeline import __version__
from cdp_pipeline.errors import ReleaseRefusedError
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import databases
from cdp_pipeline.warehouse.exports import Export
from cdp_pipeline.warehouse.previous import (
    MANIFEST,
    MODEL_SUFFIX,
    POINTER,
    Release,
    inputs_hash,
    latest_release,
    open_release,
)
from cdp_pipeline.warehouse.step import Warehouse
from cdp_pipeline.warehouse.store import TableVersion, fingerprint_of, write_json

LINK = "latest"
Documents = Mapping[str, Callable[[Mapping[str, Any]], str]]


def publish(
    warehouse: Warehouse,
    exports: Sequence[Export],
    *,
    documents: Documents | None = None,
    also_needs: Sequence[str] = (),
) -> tuple[Release, bool]:
    """Publish the current tables as a release.

    Parameters
    ----------
    warehouse : Warehouse
    exports : sequence of Export
        The tables to publish.
    documents : mapping, optional
        File name inside the release to what makes its text from the manifest.
    also_needs : sequence of str
        Tables that the documents are made from: they must be current too.

    Returns
    -------
    (Release, bool)
        The release that ``latest`` points at now, and whether it is a new one.

    Raises
    ------
    ReleaseRefusedError
        If a table is missing or stale, or a blocking check fails. ``latest`` stays.
    """
    home = warehouse.home
    heads = warehouse.store.heads()
    _refuse_incoherent([*(export.table for export in exports), *also_needs], heads)
    _refuse_failed_checks(heads)
    manifest = _manifest(warehouse, exports, heads)
    name = str(manifest["release"])
    repair(home)
    latest = latest_release(home.exports)
    if latest is not None and _content(latest.manifest) == _content(manifest):
        _build_databases(home, latest, exports)
        return latest, False
    release = open_release(home.exports, name)
    if release is None:
        release = _write_folder(warehouse, exports, heads, manifest, documents or {})
    point_at(home, name)
    _build_databases(home, release, exports)
    _end_retention(home, keep=home.settings.keep_releases)
    warehouse.store.remove_stale(older_than_days=home.settings.keep_versions_days)
    return release, True


def point_at(home: Home, name: str) -> None:
    """Switch ``latest`` to a release; the pointer file decides, the link follows it."""
    write_json(home.exports / POINTER, {"release": name, "folder": f"releases/{name}"})
    _relink(home.exports, name)


def repair(home: Home) -> None:
    """Finish what a killed publish left half done: a link that lags behind the pointer."""
    if not home.exports.exists():
        return
    for file in (home.exports / "releases").glob(".*.tmp"):
        shutil.rmtree(file, ignore_errors=True)
    latest = latest_release(home.exports)
    if latest is not None:
        _relink(home.exports, latest.name)


def _relink(exports: Path, name: str) -> None:
    link, target = exports / LINK, Path("releases") / name
    if link.is_symlink() and link.readlink() == target:
        return
    temporary = exports / f".{LINK}.{os.getpid()}.tmp"
    temporary.unlink(missing_ok=True)
    try:
        temporary.symlink_to(target, target_is_directory=True)
    except OSError:  # a file system without links: the pointer file serves
        return
    temporary.replace(link)


def _refuse_incoherent(published: Sequence[str], heads: Mapping[str, TableVersion]) -> None:
    """Walk up from the published tables: each must be made from what is current."""
    todo, seen = list(published), set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        version = heads.get(name)
        if version is None:
            raise ReleaseRefusedError(f"{name} has not been made.", "Run everything: `cdp run`.")
        if name.endswith(MODEL_SUFFIX):
            continue  # a stored model is older than its inputs by design
        for read, content in version.inputs.items():
            if read.startswith("previous."):
                continue
            if read not in heads or heads[read].content_hash != content:
                raise ReleaseRefusedError(
                    f"{name} was made from an older {read}: the tables do not fit together.",
                    "Run everything: `cdp run`.",
                )
            todo.append(read)


def _refuse_failed_checks(heads: Mapping[str, TableVersion]) -> None:
    failed = [
        f"{name}: {check['rule']} ({check['failing_count']} rows)"
        for name, version in sorted(heads.items())
        for check in version.failed_blocking_checks
    ]
    if failed:
        raise ReleaseRefusedError(
            f"{len(failed)} blocking check(s) fail, the last release stays: " + "; ".join(failed),
            "Correct the source or, if the rule is wrong, the rule in `_tables.yml`.",
        )


def _manifest(
    warehouse: Warehouse, exports: Sequence[Export], heads: Mapping[str, TableVersion]
) -> dict[str, Any]:
    previous = warehouse.previous
    tables = {
        export.name: _table_entry(warehouse, export, heads[export.table]) for export in exports
    }
    checks = [check for version in heads.values() for check in version.checks]
    clock = heads["sources.run_clock"].figures
    content = _content({"tables": tables})
    identity = fingerprint_of({"tables": content, "previous": previous.name if previous else None})
    return {
        "release": f"{clock['as_of_on']}-{identity[:10]}",
        "company": warehouse.home.settings.company,
        "as_of_on": clock["as_of_on"],
        "created_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "run_id": warehouse.run.run_id,
        "code_version": __version__,
        "code_hash": warehouse.project_code,
        "previous": previous.name if previous else None,
        "inputs_hash": inputs_hash(warehouse.store, warehouse.project_code),
        "settings": warehouse.home.settings.that_change_results(),
        "inputs": {
            name: {"content_hash": version.content_hash, "rows": version.row_count}
            for name, version in sorted(heads.items())
            if name.startswith("sources.") or name.endswith(MODEL_SUFFIX)
        },
        "checks": {
            "passed": sum(1 for c in checks if c["passed"]),
            "warned": sum(1 for c in checks if not c["passed"]),
        },
        "tables": tables,
    }


def _content(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what a release holds: the hash of each table."""
    return {name: entry["sha256"] for name, entry in manifest["tables"].items()}


def _table_entry(warehouse: Warehouse, export: Export, version: TableVersion) -> dict[str, Any]:
    table = warehouse.table(export.table)
    return {
        "file": export.file,
        "table": export.table,
        "description": table.description,
        "owner": table.owner,
        "key": list(table.key),
        "rows": version.row_count,
        "vault": export.vault,
        "sha256": version.content_hash,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "description": column.doc,
                "personal": sorted(column.personal),
                "from": [f"{source}.{name}" for source, name in column.lineage],
            }
            for column in table.columns
        ],
    }


def _write_folder(
    warehouse: Warehouse,
    exports: Sequence[Export],
    heads: Mapping[str, TableVersion],
    manifest: Mapping[str, Any],
    documents: Documents,
) -> Release:
    releases = warehouse.home.exports / "releases"
    name = str(manifest["release"])
    temporary = releases / f".{name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    vault = temporary / "vault"
    vault.mkdir(parents=True)
    vault.chmod(0o700)
    for export in exports:
        source = warehouse.store.paths(heads[export.table])[0]
        target = temporary / export.file
        if export.vault:
            target.touch(mode=0o600)
        shutil.copyfile(source, target)
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (temporary / MANIFEST).write_text(text, encoding="utf-8")
    for file, text_of in documents.items():
        (temporary / file).write_text(text_of(manifest), encoding="utf-8")
    temporary.replace(releases / name)
    return Release(name, releases / name, manifest)


def _build_databases(home: Home, release: Release, exports: Sequence[Export]) -> None:
    databases.build(release, home.databases / databases.OPEN, [e for e in exports if not e.vault])
    databases.build(release, home.databases / databases.VAULT, [e for e in exports if e.vault])


def _end_retention(home: Home, *, keep: int) -> None:
    """Remove all but the newest releases, never ``latest`` nor the one it was made from."""
    latest = latest_release(home.exports)
    if latest is None:
        return
    protected = {latest.name, latest.manifest["previous"]}
    releases = [
        release
        for folder in (home.exports / "releases").iterdir()
        if not folder.name.startswith(".") and (release := open_release(home.exports, folder.name))
    ]
    releases.sort(key=lambda release: str(release.manifest["created_at"]), reverse=True)
    for release in releases[keep:]:
        if release.name not in protected:
            shutil.rmtree(release.folder, ignore_errors=True)
