"""Staging entities: one table as the union of what each source's SQL file delivers.

Belongs here: compiling ``staging/<entity>/*.sql`` into one SELECT with the columns of
``_entity.yml``, and carrying further columns of customer records into the attribute table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cdp_pipeline.sqlmodels.declarations import Declaration
from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.statements import ParsedModel

CARRIED_FROM = "customer_records"
"""The one entity whose files may have columns beyond its own."""

CARRIED_TO = "customer_attributes"
"""The entity that holds those columns, one row per record and column."""

_RECORD_COLUMNS = ("source", "record_id", "updated_at")


def entity_sql(columns: Mapping[str, str], files: Sequence[ParsedModel]) -> str:
    """Return the union of the files with exactly the given columns and types.

    Columns that a file lacks are null there; without any file the table is empty.
    """
    parts = {file.path.stem: file for file in files}
    branches = [
        _branch(columns, {name: name for name in given_columns(file)}, part)
        for part, file in parts.items()
    ]
    return _union(columns, parts, branches)


def attributes_sql(
    columns: Mapping[str, str],
    own: Sequence[ParsedModel],
    carried: Mapping[str, tuple[ParsedModel, tuple[str, ...]]],
) -> str:
    """Return the attribute table: its own files, and one branch per carried column.

    Parameters
    ----------
    columns : Mapping[str, str]
        The columns of the attribute entity and their types.
    own : Sequence[ParsedModel]
        The files in the attribute entity's own folder.
    carried : Mapping[str, tuple[ParsedModel, tuple[str, ...]]]
        By source file name: a file of customer records, and its columns beyond the entity's.
    """
    parts = {file.path.stem: file for file in own}
    branches = [
        _branch(columns, {name: name for name in given_columns(file)}, part)
        for part, file in parts.items()
    ]
    for stem, (file, further) in carried.items():
        part = f"{stem}_records"
        parts[part] = file
        given = given_columns(file)
        for column in further:
            values = {name: name for name in given if name in _RECORD_COLUMNS}
            values |= {"attribute": f"'{column}'", "value": column}
            branches.append(
                _branch(columns, values, part).rstrip() + f"\nwhere {column} is not null\n"
            )
    return _union(columns, parts, branches)


def given_columns(file: ParsedModel) -> tuple[str, ...]:
    """Return the names of the columns that a staging file gives."""
    return tuple(projection.name.lower() for projection in file.projections)


def further_columns(file: ParsedModel, columns: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns of a staging file that the entity does not have."""
    return tuple(name for name in given_columns(file) if name and name not in columns)


def misfits(
    entity: str, declaration: Declaration, file: ParsedModel, types: Mapping[str, str]
) -> list[Problem]:
    """Return what in a staging file does not fit its entity.

    Parameters
    ----------
    entity : str
    declaration : Declaration
        The entity's own.
    file : ParsedModel
    types : Mapping[str, str]
        The engine's types of the file's columns.
    """
    problems = []
    columns = declaration.spec.columns
    lines = {projection.name: projection.line for projection in file.projections}
    for key in declaration.spec.key:
        if key not in types:
            problems.append(
                Problem(
                    file.path,
                    1,
                    f"the file does not give {key}, which is in the key of staging.{entity}",
                    f"add it to the last SELECT: ... as {key}",
                    "entity",
                )
            )
    for name, kind in types.items():
        line = lines.get(name, 1)
        if name not in columns:
            if entity != CARRIED_FROM:
                problems.append(
                    Problem(
                        file.path,
                        line,
                        f"staging.{entity} has no column {name}",
                        f"its columns are {', '.join(columns)}; rename or remove it",
                        "entity",
                    )
                )
        elif kind == "varchar" and not _is_text(columns[name].type):
            problems.append(
                Problem(
                    file.path,
                    line,
                    f"{name} is text here and {columns[name].type} in staging.{entity}: one value"
                    " that does not fit would stop the run",
                    f"type it in the source contract, or write try_cast(... as"
                    f" {columns[name].type})",
                    "entity",
                )
            )
    return problems


def _is_text(kind: str) -> bool:
    return kind.strip().lower().split("(")[0] in ("varchar", "text", "string", "char")


def _branch(columns: Mapping[str, str], values: Mapping[str, str], part: str) -> str:
    """Return one SELECT over a part; `values` says what stands in which column."""
    lines = "".join(
        f"    cast({values.get(name, 'null')} as {kind}) as {name},\n"
        for name, kind in columns.items()
    )
    return f"select\n{lines}from {part}\n"


def _union(
    columns: Mapping[str, str], parts: Mapping[str, ParsedModel], branches: Sequence[str]
) -> str:
    if not branches:
        lines = "".join(f"    cast(null as {kind}) as {name},\n" for name, kind in columns.items())
        return f"select\n{lines}where false\n"
    ctes = ",\n\n".join(f"{part} as (\n{file.sql})" for part, file in parts.items())
    return f"with\n{ctes}\n\n" + "\nunion all\n\n".join(branches)
