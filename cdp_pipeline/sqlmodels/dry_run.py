"""A run of the whole project over no rows: the compile check, and the engine's own types.

Belongs here: the in-memory database that knows every table's columns. sqlglot leaves some types
open, so what the engine says is what counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType

import duckdb

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


class DryRunError(Exception):
    """A statement that the engine refuses; `line` is the line within the statement."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


class DryRun:
    """An empty database in which tables are declared one after another."""

    def __init__(self) -> None:
        self._con = duckdb.connect(
            ":memory:", config={"enable_external_access": "false", "threads": "1"}
        )
        self._con.execute("set TimeZone = 'UTC'")
        self._schemas: set[str] = set()

    def __enter__(self) -> DryRun:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the database."""
        self._con.close()

    def declare(self, name: str, columns: Mapping[str, str]) -> dict[str, str]:
        """Make an empty table and return its columns with the engine's names of their types."""
        schema, table = name.split(".", 1)
        if schema not in self._schemas:
            self._con.execute(f"create schema {_quoted(schema)}")
            self._schemas.add(schema)
        body = ", ".join(f"{_quoted(column)} {kind}" for column, kind in columns.items())
        target = f"{_quoted(schema)}.{_quoted(table)}"
        try:
            self._con.execute(f"create table {target} ({body})")
        except duckdb.Error as error:
            raise _translated(error) from None
        return self.types(f"select * from {target}")

    def forget(self, name: str) -> None:
        """Drop a table, if there is one."""
        schema, table = name.split(".", 1)
        if schema in self._schemas:
            self._con.execute(f"drop table if exists {_quoted(schema)}.{_quoted(table)}")

    def types(self, sql: str) -> dict[str, str]:
        """Return the columns of a statement and their types, without running it."""
        try:
            relation = self._con.sql(sql)
            names, types = relation.columns, relation.types
        except duckdb.Error as error:
            raise self._located(sql, error) from None
        return {name: str(kind).lower() for name, kind in zip(names, types, strict=True)}

    def plan(self, sql: str) -> str:
        """Return the engine's plan of a statement as JSON, types and all, without running it."""
        query = "select json_serialize_plan($1, optimize := false, skip_null := true)"
        try:
            text: str = self._con.sql(query, params=[sql]).fetchall()[0][0]
        except duckdb.Error as error:
            raise _translated(error) from None
        return text

    def _located(self, sql: str, error: duckdb.Error) -> DryRunError:
        """Return the error with its line, which the engine only tells when it explains."""
        try:
            self._con.execute(f"explain {sql}").fetchall()
        except duckdb.Error as again:
            return _translated(again)
        return _translated(error)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _translated(error: duckdb.Error) -> DryRunError:
    """Return the engine's words without its drawing of the place."""
    text = str(error)
    match = _LINE.search(text)
    words = (text[: match.start()] if match else text).strip()
    return DryRunError(" ".join(words.split()), int(match.group(1)) if match else 1)
