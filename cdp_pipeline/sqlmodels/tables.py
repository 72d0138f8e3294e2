"""What a compiled project is made of: tables, columns, rules, and the project that orders them.

Belongs here: the typed result that everything else reads (assets, checks, the writer, docs).
How it is put together stands in ``load``; nothing here parses or opens a database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from cdp_pipeline.sqlmodels.problems import Problem

MadeBy = Literal["sql", "python", "source", "entity"]
Severity = Literal["block", "warn"]
RuleKind = Literal[
    "not_null",
    "accepted_values",
    "between",
    "refers_to",
    "expression",
    "matches",
    "row_count",
]
ColumnName = tuple[str, str]
"""A column as (``layer.table``, column)."""

PERSONAL_CLASSES = frozenset(
    {
        "name",
        "email",
        "phone",
        "address",
        "birth_date",
        "national_id",
        "organisation_number",
        "free_text",
        "device",
        "attribute",
        "pseudonym",
    }
)
"""The classes of personal data; ``none`` is their absence."""

DIRECT_CLASSES = PERSONAL_CLASSES - {"pseudonym"}
"""The classes that may leave only in vault tables."""

PREVIOUS = "previous"
"""The schema under which models read the rows of the last release."""


class SourceColumnLike(Protocol):
    """One column of a source table, as its contract declares it."""

    @property
    def type(self) -> str:
        """Return the DuckDB type."""

    @property
    def doc(self) -> str:
        """Return what the column means."""

    @property
    def personal(self) -> str:
        """Return its personal-data class, ``none`` for none."""


class SourceTableLike(Protocol):
    """A source table, as its contract declares it."""

    @property
    def name(self) -> str:
        """Return the name with its layer, as in ``sources.webshop_orders``."""

    @property
    def description(self) -> str:
        """Return what a row is."""

    @property
    def owner(self) -> str:
        """Return who answers for the data."""

    @property
    def key(self) -> tuple[str, ...]:
        """Return the columns that tell rows apart."""

    @property
    def columns(self) -> Mapping[str, SourceColumnLike]:
        """Return the columns by name, in order."""

    @property
    def file(self) -> Path:
        """Return the contract's file."""

    @property
    def line(self) -> int:
        """Return the line at which the table is declared."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a compiled table.

    Parameters
    ----------
    name : str
    type : str
        The engine's type in lower case, as in ``decimal(18,2)``.
    doc : str
        What it means, without the declarations in braces.
    personal : frozenset[str]
        The classes of personal data that can be in it.
    lineage : tuple[ColumnName, ...]
        The columns whose values it is made of (``where`` and join keys are not among them).
    drops : tuple[tuple[str, str], ...]
        (class, reason) for each class that the column's expression removes.
    line : int
        Where it is written in the table's file.
    """

    name: str
    type: str
    doc: str
    personal: frozenset[str] = frozenset()
    lineage: tuple[ColumnName, ...] = ()
    drops: tuple[tuple[str, str], ...] = ()
    line: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that every row of a table keeps, or the table as a whole.

    Which fields count depends on `kind`; the others keep their defaults.
    """

    kind: RuleKind
    severity: Severity = "block"
    why: str = ""
    columns: tuple[str, ...] = ()
    values: tuple[str | int | float | bool, ...] = ()
    minimum: str | int | float | None = None
    maximum: str | int | float | None = None
    table: str = ""
    to: tuple[str, ...] = ()
    expression: str = ""
    line: int = 1

    @property
    def text(self) -> str:
        """Return the rule as a sentence for people; it holds no value from the data."""
        columns = ", ".join(self.columns)
        if self.kind == "not_null":
            return f"{columns} is never null"
        if self.kind == "accepted_values":
            return f"{columns} is one of {', '.join(str(value) for value in self.values)}"
        if self.kind == "between":
            low = "any" if self.minimum is None else self.minimum
            high = "any" if self.maximum is None else self.maximum
            return f"{columns} is between {low} and {high}"
        if self.kind == "refers_to":
            return f"{columns} refers to {self.table} ({', '.join(self.to)})"
        if self.kind == "matches":
            return f"{columns} matches {self.expression}"
        if self.kind == "row_count":
            return f"there are at least {self.minimum} rows"
        return self.expression


@dataclass(frozen=True)
class Table:
    """A table of the project, compiled.

    Parameters
    ----------
    name : str
        ``layer.table``.
    layer : str
    made_by : {'sql', 'python', 'source', 'entity'}
        ``source`` is loaded by a contract, ``entity`` is the union of a staging folder.
    sql : str
        The statement as it will run, ending with a line break; empty where Python makes it.
    file, line : Path, int
        Where it is declared: the SQL file, ``_entity.yml``, ``_tables.yml`` or the contract.
    files : tuple[Path, ...]
        Every file its SQL stands in (several for an entity).
    description : str
        Starts with "One row per".
    owner : str
    key : tuple[str, ...]
        Columns that are unique together and never null.
    reads : tuple[str, ...]
        The tables it reads, sorted.
    previous_reads : tuple[str, ...]
        The tables of the last release it reads, without the schema, sorted.
    columns : tuple[Column, ...]
    rules : tuple[Rule, ...]
    code_hash : str
        Changes when the statement's tokens do, not with comments and white space.
    """

    name: str
    layer: str
    made_by: MadeBy
    sql: str
    file: Path
    line: int
    description: str
    owner: str
    key: tuple[str, ...]
    reads: tuple[str, ...]
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    previous_reads: tuple[str, ...] = ()
    code_hash: str = ""
    files: tuple[Path, ...] = ()

    @property
    def bare_name(self) -> str:
        """Return the name without its layer."""
        return self.name.split(".", 1)[1]

    @cached_property
    def column(self) -> dict[str, Column]:
        """Return the columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def personal(self) -> frozenset[str]:
        """Return every class of personal data that can be in the table."""
        return frozenset[str]().union(*(column.personal for column in self.columns))


@dataclass(frozen=True, slots=True)
class LineageNode:
    """A column in a lineage tree.

    `is_repeated` says that its own branches are shown where it came up first.
    """

    table: str
    column: str
    next: tuple[LineageNode, ...] = ()
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a column is made of (`upstream`), and what is made of it (`downstream`)."""

    upstream: LineageNode
    downstream: LineageNode


@dataclass(frozen=True)
class Project:
    """Every table of a home, compiled and in the order in which they can be made.

    Parameters
    ----------
    tables : dict[str, Table]
        By ``layer.table``; each table comes after all it reads, the same order every time.
    layers : tuple[str, ...]
        The layers in order.
    previous : dict[str, dict[str, dict[str, str]]]
        For each layer and each table of the last release it may read: columns and their types.
    """

    tables: dict[str, Table]
    layers: tuple[str, ...] = ()
    previous: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)

    def previous_columns(self, layer: str, table: str) -> dict[str, str]:
        """Return the columns a layer may read of a table of the last release, and their types."""
        return self.previous[layer][table]

    @cached_property
    def _downstream(self) -> dict[ColumnName, tuple[ColumnName, ...]]:
        edges: dict[ColumnName, list[ColumnName]] = {}
        for table in self.tables.values():
            for column in table.columns:
                for source in column.lineage:
                    edges.setdefault(source, []).append((table.name, column.name))
        return {source: tuple(targets) for source, targets in edges.items()}

    def _upstream_of(self, name: ColumnName) -> tuple[ColumnName, ...]:
        table = self.tables.get(name[0])
        return table.column[name[1]].lineage if table and name[1] in table.column else ()

    def lineage(self, table: str, column: str) -> Lineage:
        """Return the lineage of a column in both directions.

        Raises
        ------
        KeyError
            If the project has no such table or column.
        """
        if column not in self.tables[table].column:
            raise KeyError(column)
        start = (table, column)
        return Lineage(
            _tree(start, self._upstream_of, set()),
            _tree(start, lambda name: self._downstream.get(name, ()), set()),
        )

    def dependents(self, table: str) -> tuple[str, ...]:
        """Return the tables that read `table` themselves, in project order."""
        return tuple(other.name for other in self.tables.values() if table in other.reads)

    def check_exports(self, allowed: Mapping[str, Collection[str]]) -> list[Problem]:
        """Return a problem for every column that carries a class its export may not hold.

        Parameters
        ----------
        allowed : Mapping[str, Collection[str]]
            For each exported table the classes of personal data it may hold.
        """
        problems = []
        for name, classes in allowed.items():
            table = self.tables[name]
            for column in table.columns:
                if surplus := sorted(column.personal - set(classes)):
                    line = column.line if table.made_by == "sql" else table.line
                    problems.append(
                        Problem(
                            table.file,
                            line,
                            f"{name}.{column.name} carries {', '.join(surplus)}, which its"
                            " export does not allow",
                            "leave the column out, or say at it what removes the class:"
                            f" {{drops {surplus[0]}: reason}}; `cdp lineage"
                            f" {name}.{column.name}` shows where it comes from",
                            "export",
                        )
                    )
        return problems


def _tree(
    start: ColumnName,
    edges: _Edges,
    seen: set[ColumnName],
) -> LineageNode:
    if start in seen and edges(start):
        return LineageNode(*start, is_repeated=True)
    seen.add(start)
    return LineageNode(*start, tuple(_tree(name, edges, seen) for name in edges(start)))


class _Edges(Protocol):
    def __call__(self, name: ColumnName, /) -> tuple[ColumnName, ...]: ...
