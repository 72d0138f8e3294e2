"""Which columns a column's value is made of.

Belongs here: qualifying a statement against the known tables, and reading the value lineage from
it. It is value lineage: ``where`` and join keys are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import MappingSchema, exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer import build_scope
from sqlglot.optimizer.qualify import qualify

from cdp_pipeline.sqlmodels.statements import line_of
from cdp_pipeline.sqlmodels.tables import ColumnName


class LineageError(Exception):
    """A statement that cannot be traced, with the column or the line at fault where known."""

    def __init__(self, message: str, column: str = "", line: int = 1) -> None:
        super().__init__(message)
        self.message, self.column, self.line = message, column, line


class KnownTables:
    """The tables a statement may read, as sqlglot wants to know them."""

    def __init__(self) -> None:
        self._schema = MappingSchema(dialect="duckdb")
        self.columns: dict[str, tuple[str, ...]] = {}

    def add(self, name: str, columns: Mapping[str, str]) -> None:
        """Add a table with its columns and their types."""
        schema, table = name.split(".", 1)
        self.columns[name] = tuple(columns)
        self._schema.add_table(
            exp.table_(table, db=schema), dict(columns), dialect="duckdb", match_depth=False
        )

    def trace(self, tree: exp.Query) -> dict[str, tuple[ColumnName, ...]]:
        """Return for each column of a statement the columns it is made of.

        `tree` is changed on the way and must not be used again.
        """
        try:
            if tree.find(exp.Lateral):
                _derive_laterals(tree)
            resolved = qualify(
                tree,
                schema=self._schema,
                dialect="duckdb",
                validate_qualify_columns=False,
                identify=False,
            )
            if (row := resolved.find(exp.TableColumn)) is not None:
                raise LineageError(
                    f"{row.name} stands for a whole row; name its columns", line=line_of(row)
                )
            scope = build_scope(resolved)
            nodes = lineage(
                None,
                resolved,
                self._schema,
                dialect="duckdb",
                scope=scope,
                trim_selects=False,
                copy=False,
            )
        except (SqlglotError, ValueError, KeyError) as error:
            raise LineageError(str(error).splitlines()[0]) from error
        return {name: self._leaves(name, node, resolved) for name, node in nodes.items()}

    def _leaves(self, column: str, root: Node, tree: exp.Expr) -> tuple[ColumnName, ...]:
        found: set[ColumnName] = set()
        for node in root.walk():
            source = node.expression
            if node.downstream:
                continue
            if not isinstance(source, (exp.Table, exp.Placeholder)):
                # An end that is no table is a constant, or something that was not seen through.
                if source.find(exp.Column):
                    raise LineageError(f"cannot see through {source.sql('duckdb')}", column)
                continue
            alias, _, name = node.name.replace('"', "").rpartition(".")
            if isinstance(source, exp.Table):
                if not source.db:
                    if source.find(exp.Column):
                        raise LineageError(f"cannot see through {source.sql('duckdb')}", column)
                    continue  # a table function over constants: its values come from no table
                table: str | None = f"{source.db}.{source.name}"
            elif alias in (aliases := _physical_aliases(tree)):
                table = aliases[alias]
            else:
                raise LineageError(f"cannot tell where {alias}.{name} comes from", column)
            if table is None:
                continue
            if name not in self.columns.get(table, ()):
                raise LineageError(f"cannot tell where {name} comes from", column)
            found.add((table, name))
        return tuple(sorted(found))


def _physical_aliases(tree: exp.Expr) -> dict[str, str | None]:
    """Return the table behind each alias, for references that leave their own scope.

    A recursive CTE's reference to itself is None: its values come from the branches. An alias
    that stands for several tables, or for a CTE, is left out.
    """
    tables: dict[str, set[str | None]] = {}
    ctes: set[str] = set()
    recursive = {
        cte.alias
        for with_ in tree.find_all(exp.With)
        if with_.args.get("recursive")
        for cte in with_.expressions
    }
    for table in tree.find_all(exp.Table):
        if table.db:
            tables.setdefault(table.alias_or_name, set()).add(f"{table.db}.{table.name}")
        elif table.name in recursive:
            tables.setdefault(table.alias_or_name, set()).add(None)
        else:
            ctes.add(table.alias_or_name)
    return {
        alias: next(iter(names))
        for alias, names in tables.items()
        if len(names) == 1 and alias not in ctes
    }


def _derive_laterals(tree: exp.Expr) -> None:
    """Turn each ``lateral (select ...)`` into a derived table, which the tracer follows."""
    for lateral in list(tree.find_all(exp.Lateral)):
        inner = lateral.this
        if isinstance(inner, exp.Subquery) and isinstance(inner.this, exp.Query):
            derived = exp.Subquery(this=inner.this, alias=lateral.args.get("alias"))
            lateral.replace(derived)
