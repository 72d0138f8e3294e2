"""The identity steps over staged Parquet files, each on a sealed connection of its own.

As a home runs them: what a step reads lies in files, what it makes is written sorted by its key,
and nothing of one step stays in memory for the next. Does not belong here: which sets there are
(``_identity_sets``), or scoring them (``identity``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow.parquet as pq

from cdp_pipeline.settings import Settings
from cdp_pipeline.warehouse.engine import literal, sealed_connection

Result = TypeVar("Result")
Tables = dict[str, str]
# Rows staged at once: whole companies do not fit in memory twice.
_BATCH = 1_000_000
# Keys the pipeline sorts by; the other tables of the steps are small.
_KEYS = {
    "standardised_records": "record_no",
    "standardised_attributes": "record_no, identity_column",
    "record_pairs": "left_record_no, right_record_no, how",
    "record_clusters": "record_no",
}


@dataclass
class Taken:
    """What steps took: wall and CPU seconds."""

    wall: float = 0.0
    cpu: float = 0.0


def stage(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write every table of a connection to a folder, as the layers before identity would."""
    folder.mkdir(parents=True, exist_ok=True)
    for schema, table in con.sql(
        "select table_schema, table_name from information_schema.tables"
        " where table_schema in ('staging', 'previous') or table_name in ('run_clock', 'truth')"
        " order by all"
    ).fetchall():
        name = "truth" if table == "truth" else f"{schema}.{table}"
        batches = con.table(name).to_arrow_reader(_BATCH)
        with pq.ParquetWriter(folder / f"{name}.parquet", batches.schema) as file:
            for batch in batches:
                file.write_batch(batch)


class Steps:
    """The tables of one set, and the steps that make more of them.

    Parameters
    ----------
    folder
        Holds a Parquet file per table (see `stage`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def connection(self, *making: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a sealed connection that shows all tables; those made may be written."""
        known = sorted(self.folder.glob("*.parquet"))
        with sealed_connection(
            files=[*known, *(self._file(table) for table in making)],
            spill=self.folder / "spill",
            threads=2,
            memory_limit_gb=float(Settings.model_fields["memory_limit_gb"].default),
        ) as con:
            for file in known:
                if file.stem != "truth":
                    con.execute(f"create schema if not exists {file.stem.partition('.')[0]}")
                con.execute(f"create view {file.stem} as from read_parquet({literal(file)})")
            yield con

    def make(
        self, made: Callable[[duckdb.DuckDBPyConnection], Tables], *tables: str, taken: Taken
    ) -> None:
        """Run a step that makes these tables, and write them."""
        wall, cpu = time.perf_counter(), time.process_time()
        names = [f"identity.{table}" for table in tables]
        for name in names:
            self._file(name).unlink(missing_ok=True)
        with self.connection(*names) as con:
            for name, select in made(con).items():
                key = _KEYS.get(name.partition(".")[2], "all")
                con.execute(
                    f"copy (select * from ({select}) order by {key})"
                    f" to {literal(self._file(name))} (format parquet, compression zstd)"
                )
        taken.wall += time.perf_counter() - wall
        taken.cpu += time.process_time() - cpu

    def read(self, read: Callable[[duckdb.DuckDBPyConnection], Result], *, taken: Taken) -> Result:
        """Run a step that makes no table."""
        wall, cpu = time.perf_counter(), time.process_time()
        with self.connection() as con:
            found = read(con)
        taken.wall += time.perf_counter() - wall
        taken.cpu += time.process_time() - cpu
        return found

    def _file(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"
