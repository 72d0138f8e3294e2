"""A SQLAlchemy dialect over a DuckDB connection that is already open.

Great Expectations speaks SQLAlchemy; a step speaks to its own sealed connection. This is what lies
between them: no second connection, no driver package, no transaction, and every result read to its
end (DuckDB 2 cannot have two open at once). Columns are looked up with ``describe``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine import default
from sqlalchemy.engine.url import make_url
from sqlalchemy.pool import StaticPool

from cdp_pipeline.quality.conditions import identifier


class _Driver:
    """What SQLAlchemy wants of a database driver.

    `Error` is one that is never raised: what DuckDB raises passes through as it is, and not inside
    another error that repeats the statement and the value it failed on.
    """

    class Error(Exception):
        """Never raised."""

    paramstyle = "qmark"


class _Cursor:
    """Runs a statement and holds all its rows."""

    arraysize = 1
    rowcount = -1
    lastrowid = None

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: list[tuple[Any, ...]] | None = None

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement to its end."""
        result = self._connection.execute(statement, list(parameters))
        described = result.description
        self.description = [(name, kind, *[None] * 5) for name, kind, *_ in described or ()] or None
        self._rows = result.fetchall() if self.description else []

    def fetchall(self) -> list[Any]:
        """Return the rows not fetched yet."""
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        """Return the next rows."""
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def close(self) -> None:
        """Do nothing: every result was read."""


class _Connection:
    """The open connection, which is neither committed nor closed here."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def cursor(self) -> _Cursor:
        """Return a new cursor."""
        return _Cursor(self._connection)

    def commit(self) -> None:
        """Do nothing: rules only read."""

    def rollback(self) -> None:
        """Do nothing: rules only read."""

    def close(self) -> None:
        """Do nothing: the connection is the step's."""


class DuckDbDialect(default.DefaultDialect):
    """DuckDB's SQL is SQLAlchemy's default one; only looking things up differs."""

    name = "duckdb"
    driver = "cdp_pipeline"
    supports_statement_cache = True
    supports_sane_rowcount = False

    def __init__(self) -> None:
        # a class serves as the driver module that SQLAlchemy's types ask for
        super().__init__(dbapi=_Driver, paramstyle="qmark")  # type: ignore[arg-type]
        self.default_schema_name = "main"

    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> list[Any]:
        """Return the columns of a table or view, with DuckDB's own names of their types."""
        name = identifier(table_name)
        described = connection.exec_driver_sql(
            f"describe {identifier(schema)}.{name}" if schema else f"describe {name}"
        ).fetchall()
        return [
            {"name": column, "type": DuckDbType(kind), "nullable": True, "default": None}
            for column, kind, *_ in described
        ]


class DuckDbType(sa.types.UserDefinedType[Any]):
    """A type by DuckDB's name of it, such as ``DECIMAL(18,2)``."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """Return the name as SQL."""
        return self.name


def engine_over(connection: duckdb.DuckDBPyConnection) -> sa.Engine:
    """Return a SQLAlchemy engine whose one connection is `connection`."""
    dialect = DuckDbDialect()
    # of a DB-API connection ours has what the dialect calls, not all that the type promises
    pool = StaticPool(lambda: _Connection(connection), dialect=dialect, reset_on_return=None)  # type: ignore[arg-type]
    return sa.Engine(pool, dialect, make_url("duckdb://"))
