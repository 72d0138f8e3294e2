"""A compiled project, kept until a byte of what it was compiled from changes.

Belongs here: the key (every file, every source, this package's own code and its tools' versions)
and a project as JSON. The folder is the caller's; deleting it costs nothing but time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cdp_pipeline.sqlmodels.files import ProjectFiles
from cdp_pipeline.sqlmodels.tables import Column, Project, Rule, SourceTableLike, Table

_KEPT = 10
"""Compiled projects kept in the folder; the oldest go first."""


def cache_key(files: ProjectFiles, sources: Sequence[SourceTableLike]) -> str:
    """Return a hash of everything that decides what the project compiles to."""
    digest = hashlib.sha256()
    for package in ("sqlglot", "duckdb"):
        digest.update(version(package).encode() + b"\n")
    own = (Path(__file__).parent, Path(__file__).parent.parent / "quality")
    code = [path for folder in own for path in sorted(folder.glob("*.py"))]
    for path in (*code, *files.every()):
        content = path.read_bytes()
        digest.update(f"{path}\n{len(content)}\n".encode() + content)
    for source in sources:
        columns = [(name, c.type, c.doc, c.personal) for name, c in source.columns.items()]
        digest.update(
            repr(
                (
                    source.name,
                    source.description,
                    source.owner,
                    tuple(source.key),
                    columns,
                    str(source.file),
                    source.line,
                )
            ).encode()
        )
    return digest.hexdigest()[:32]


def cached(folder: Path, key: str, compiled: Callable[[], Project]) -> Project:
    """Return the project kept under `key`, or compile and keep it."""
    path = folder / f"{key}.json"
    try:
        return _project(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        project = compiled()
    with suppress(OSError):  # a read-only home compiles every time
        _keep(path, json.dumps(_plain(project), ensure_ascii=False))
    return project


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    kept = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime)
    for old in kept[:-_KEPT]:
        old.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """Return dataclasses as lists of their fields, sets sorted, paths as text."""
    if isinstance(value, Project | Table | Column | Rule):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, Path) else value


def _project(data: Any) -> Project:
    tables, layers, previous = data
    return Project({name: _table(table) for name, table in tables.items()}, tuple(layers), previous)


def _table(data: list[Any]) -> Table:
    values = dict(zip((field.name for field in fields(Table)), data, strict=True))
    values["file"] = Path(values["file"])
    values["files"] = tuple(Path(file) for file in values["files"])
    values["columns"] = tuple(_column(column) for column in values["columns"])
    values["rules"] = tuple(_rule(rule) for rule in values["rules"])
    for name in ("key", "reads", "previous_reads"):
        values[name] = tuple(values[name])
    return Table(**values)


def _column(data: list[Any]) -> Column:
    name, kind, doc, personal, lineage, drops, line = data
    return Column(name, kind, doc, frozenset(personal), _pairs(lineage), _pairs(drops), line)


def _pairs(items: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((left, right) for left, right in items)


def _rule(data: list[Any]) -> Rule:
    values = dict(zip((field.name for field in fields(Rule)), data, strict=True))
    for name in ("columns", "values", "to"):
        values[name] = tuple(values[name])
    return Rule(**values)
