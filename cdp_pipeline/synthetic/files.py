"""Files in the dialects of real systems: delimiters, encodings, Parquet, and a few broken rows.

Belongs here: how a table becomes a file, and what is broken on purpose.
Does not belong here: what stands in the tables (`exports`).
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


@dataclass
class Defects:
    """What was broken on purpose, to be counted against the rejects."""

    rows: list[tuple[str, str, int]] = field(default_factory=list)

    def note(self, file: str, defect: str, rows: int = 1) -> None:
        """Remember broken rows of a file."""
        self.rows.append((file, defect, rows))

    def table(self) -> pa.Table:
        """Give one row per file and defect."""
        names = ("file", "defect", "rows")
        columns = list(zip(*self.rows, strict=True)) if self.rows else [(), (), ()]
        types = (pa.string(), pa.string(), pa.int64())
        return pa.table(
            {
                name: pa.array(list(column), kind)
                for name, column, kind in zip(names, columns, types, strict=True)
            }
        )


def write_csv(
    path: Path,
    batches: pa.Table | Iterator[pa.Table],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    broken_lines: tuple[str, ...] = (),
    repeat_first_row: bool = False,
) -> int:
    """Write a CSV file with a header; give the number of records, broken ones included.

    Parameters
    ----------
    path
        Where; the folder is made.
    batches
        One table, or several that are written one after the other.
    delimiter
        Between the fields; values are quoted where they need it.
    encoding
        What the bytes are; letters it does not have become question marks, as in life.
    broken_lines
        Whole lines put after the second record.
    repeat_first_row
        Deliver the first record once more, word for word, at the end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    tables = iter([batches]) if isinstance(batches, pa.Table) else batches
    rows = 0
    with codecs.open(str(path), "w", encoding=encoding, errors="replace") as out:
        for number, table in enumerate(tables):
            text = _csv_text(table, delimiter, header=number == 0, beside=path)
            if number == 0:
                text, extra = _broken(text, broken_lines, repeat_first_row)
                rows += extra
            out.write(text)
            rows += table.num_rows
    return rows


def _csv_text(table: pa.Table, delimiter: str, *, header: bool, beside: Path) -> str:
    """Let DuckDB write the CSV, in a scratch file beside the real one."""
    scratch = beside.with_suffix(".part")
    connection = duckdb.connect()
    try:
        connection.execute("set enable_progress_bar = false")
        connection.register("rows_to_write", table)
        connection.execute(
            f"copy (select * from rows_to_write) to '{str(scratch).replace(chr(39), chr(39) * 2)}' "
            f"(format csv, header {str(header).lower()}, delimiter '{delimiter}', quote '\"')"
        )
        return scratch.read_text(encoding="utf-8")
    finally:
        connection.close()
        scratch.unlink(missing_ok=True)


def _broken(text: str, lines: tuple[str, ...], repeat_first_row: bool) -> tuple[str, int]:
    head = text.split("\n", 3)
    if len(head) < 4 or '"' in head[1] + head[2]:
        # A quoted first record may span lines: put broken lines right after the header.
        first, rest = text.split("\n", 1)
        return "\n".join([first, *lines, rest]), len(lines)
    parts = [head[0], head[1], head[2], *lines, head[3]]
    text = "\n".join(parts)
    if repeat_first_row:
        text += head[1] + "\n"
    return text, len(lines) + int(repeat_first_row)


class ParquetFile:
    """A Parquet file written piece by piece, one row group per piece."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.rows = 0
        self._writer: Any = None

    def __enter__(self) -> "ParquetFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Append a table."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self.path,
                table.schema,
                compression="zstd",
                compression_level=6,
                store_decimal_as_integer=True,
            )
        if table.num_rows:
            self._writer.write_table(table, row_group_size=1_000_000)
        self.rows += table.num_rows


def write_parquet(path: Path, table: pa.Table) -> int:
    """Write a table in one go; give its number of rows."""
    with ParquetFile(path) as file:
        file.write(table)
    return int(table.num_rows)
