"""Reading the current tables of a home, for commands that look and change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cdp_pipeline.errors import StepError
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.engine import Connection, sealed_connection, translated
from cdp_pipeline.warehouse.store import Store


@contextmanager
def reading_connection(home: Home, tables: Sequence[str], *, by: str) -> Iterator[Connection]:
    """Open a sealed connection in which the current versions of some tables are views.

    Parameters
    ----------
    home : Home
    tables : sequence of str
        The tables, ``layer.table``. Nothing else can be read.
    by : str
        Who asks, for error messages, as in ```cdp why```.

    Raises
    ------
    StepError
        If a table was never made, or one was made from an older version of another: a run was
        stopped half way.
    """
    store = Store(home)
    versions = {table: store.needed_head(table, by=by) for table in tables}
    for table, version in versions.items():
        for name, content in version.inputs.items():
            if name in versions and versions[name].content_hash != content:
                raise StepError(
                    f"{table} was made from another version of {name}: a run stopped half way.",
                    "`cdp run` completes it.",
                )
    files = [file for version in versions.values() for file in store.paths(version)]
    with (
        sealed_connection(
            files=files,
            spill=home.warehouse / ".spill",
            threads=home.settings.threads,
            memory_limit_gb=home.settings.memory_limit_gb,
        ) as connection,
        translated(by),
    ):
        for schema in sorted({table.split(".")[0] for table in tables}):
            connection.execute(f"create schema {schema}")
        for table, version in versions.items():
            connection.execute(f"create view {table} as {store.select(version)}")
        yield connection
