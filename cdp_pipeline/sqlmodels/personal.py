"""Personal data, followed through the tables.

Belongs here: how classes flow along the column lineage, and the report of where each ends up.
A class is given once, at the source column; what removes it is declared where it happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cdp_pipeline.sqlmodels.tables import PREVIOUS, ColumnName, Project, Table

_TEXT = frozenset({"varchar", "varchar[]", "json", "blob"})


@dataclass(frozen=True, slots=True)
class Removal:
    """A place where a class of personal data is declared to end, and why."""

    table: str
    column: str
    personal_class: str
    reason: str


@dataclass(frozen=True)
class PersonalReport:
    """Where personal data is.

    Parameters
    ----------
    columns : dict[str, tuple[ColumnName, ...]]
        For each class the columns that can hold it, in project order.
    removals : tuple[Removal, ...]
        What removes classes, in project order.
    """

    columns: dict[str, tuple[ColumnName, ...]]
    removals: tuple[Removal, ...]


def personal_report(project: Project) -> PersonalReport:
    """Return where each class of personal data ends up."""
    columns: dict[str, list[ColumnName]] = {}
    removals: list[Removal] = []
    for table in project.tables.values():
        for column in table.columns:
            for personal_class in sorted(column.personal):
                columns.setdefault(personal_class, []).append((table.name, column.name))
            removals.extend(
                Removal(table.name, column.name, personal_class, reason)
                for personal_class, reason in column.drops
            )
    return PersonalReport({name: tuple(columns[name]) for name in sorted(columns)}, tuple(removals))


def with_personal_classes(
    tables: Mapping[str, Table], published: Mapping[str, str]
) -> dict[str, Table]:
    """Return the tables with the classes that flow into each column.

    What a column declares itself stays; what it drops goes. A pseudonym is an id, so it ends where
    the column is no text: a count of orders or the day of the newest one identifies nobody. Tables
    of the last release carry what today's tables of the same name do, so the flow is repeated
    until nothing changes.

    Parameters
    ----------
    tables : Mapping[str, Table]
        In project order.
    published : Mapping[str, str]
        For each ``previous`` table the table of this project it was.
    """
    classes: dict[ColumnName, frozenset[str]] = {}
    changed = True
    while changed:
        changed = False
        for table in tables.values():
            for column in table.columns:
                flowing = column.personal.union(
                    *(classes.get(_today(name, published), frozenset()) for name in column.lineage)
                )
                kept = flowing - {personal_class for personal_class, _ in column.drops}
                if column.type not in _TEXT:
                    kept -= {"pseudonym"} - column.personal
                if classes.get((table.name, column.name), frozenset()) != kept:
                    classes[(table.name, column.name)] = kept
                    changed = True
    return {
        name: replace(
            table,
            columns=tuple(
                replace(column, personal=classes.get((name, column.name), frozenset()))
                for column in table.columns
            ),
        )
        for name, table in tables.items()
    }


def _today(name: ColumnName, published: Mapping[str, str]) -> ColumnName:
    table, column = name
    return (published.get(table, table), column) if table.startswith(f"{PREVIOUS}.") else name
