"""Sealed DuckDB connections, and the one place where engine errors are translated.

A step's connection sees the files it was given and nothing else: no other file, no network, no
settings. What the engine says about a failure often quotes the value it failed on; `translated`
turns it into table, kind and place before Dagster, a log or a terminal sees it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from cdp_pipeline.errors import CdpError, StepError

Connection = duckdb.DuckDBPyConnection

# These speak of the statement, never of a value in the data.
_SAFE_ERRORS = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
_KINDS = {
    duckdb.ConversionException: "a value does not fit the type it is cast to",
    duckdb.OutOfRangeException: "a number is out of the range of its type",
    duckdb.ConstraintException: "a constraint (key, not null) does not hold",
    duckdb.OutOfMemoryException: "the memory limit was reached",
    duckdb.PermissionException: "it touched a file or setting that is not among its inputs",
    duckdb.IOException: "a file could not be read or written (disk full, or removed meanwhile?)",
    duckdb.InvalidInputException: "a function was given a value it does not accept",
}


def literal(text: str | Path) -> str:
    """Return a SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def read_parquet_sql(files: Sequence[str | Path]) -> str:
    """Return a SELECT of all rows of Parquet files."""
    return f"select * from read_parquet([{', '.join(literal(f) for f in files)}])"


@contextmanager
def sealed_connection(
    *, files: Sequence[Path], spill: Path, threads: int, memory_limit_gb: float
) -> Iterator[Connection]:
    """Open an in-memory database that can touch the given files and nothing else.

    Parameters
    ----------
    files : sequence of Path
        What may be read and written.
    spill : Path
        Folder inside the home for what does not fit in memory.
    threads : int
        Threads of this connection.
    memory_limit_gb : float
        Memory before it spills, in GB.
    """
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": threads,
            "memory_limit": f"{int(memory_limit_gb * 1000)}MB",
            "temp_directory": str(spill),
        },
    )
    try:
        allowed = ", ".join(literal(file) for file in files)
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"set allowed_paths = [{allowed}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate anything raised inside into a `StepError` that holds no value from the data.

    Parameters
    ----------
    what : str
        What was being done, such as ``making insight.rfm_segments``.
    """
    try:
        yield
    except CdpError:
        raise
    except Exception as error:
        # `from None`: a chained original would be stored with its message by whoever logs this.
        raise StepError(f"{what} failed: {in_words(error)}.", _place(error)) from None


def in_words(error: BaseException) -> str:
    """Return what an error says, without any value from the data."""
    if isinstance(error, _SAFE_ERRORS):
        return str(error).splitlines()[0]
    for kind, words in _KINDS.items():
        if isinstance(error, kind):
            return words
    return f"{type(error).__module__}.{type(error).__name__} (its message may hold data: not shown)"


def _place(error: Exception) -> str:
    """Return the innermost line of ours that the error came through."""
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "cdp_pipeline" in frame.filename
    ]
    if not ours:
        return "Run `cdp check` to see whether contracts and models compile."
    frame = ours[-1]
    return f"Raised at {Path(frame.filename).name}:{frame.lineno} in {frame.name}."
