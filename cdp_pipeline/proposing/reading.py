"""Opening an export nobody has described yet: its format, encoding, dialect, and a sample of it.

Belongs here: sniffing, and the sample that everything else is concluded from: the first rows and
blocks spread over the rest, so that a file of any size takes seconds. Only the named file is
read, through a connection that sees nothing else.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from cdp_pipeline.errors import CdpError
from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.plain_text import UnreadableFileError
from cdp_pipeline.ingest.text_files import prepare
from cdp_pipeline.proposing.shapes import DETECTORS, Counted
from cdp_pipeline.proposing.words import named_columns, vocabulary
from cdp_pipeline.warehouse.engine import Connection, identifier, literal

_HEAD = 1 << 20
_DELIMITERS = (",", ";", "\t", "|", "^", "~")
_SNIFFED_ROWS = 300
_READ_WHOLE = 24 << 20
_BLOCKS, _BLOCK = 48, 256 << 10
_MOST_ROWS = 200_000
_MOST_DISTINCT = 20_000
_LARGEST_EXPANSION = 20 << 30
_NOT_TABLES = {
    b"PK\x03\x04": ("a spreadsheet or zip archive", "Save the sheet as CSV UTF-8, or unpack it."),
    b"%PDF": ("a PDF", "Export the table itself as CSV or Parquet."),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV UTF-8."),
    b"SQLi": ("a SQLite database", "Export its tables as CSV or Parquet."),
    b"ORC": ("an ORC file", "Export the table as Parquet."),
    b"Obj\x01": ("an Avro file", "Export the table as Parquet."),
    b"BZh": ("compressed with bzip2", "Compress it with gzip or zstd, or not at all."),
    b"\xfd7zXZ": ("compressed with xz", "Compress it with gzip or zstd, or not at all."),
}


class SampleError(CdpError):
    """A sample file cannot be proposed a contract for."""

    exit_code = 2


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    format: Literal["csv", "parquet", "jsonl"]
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    has_header: bool = True


@dataclass(frozen=True)
class SampleColumn:
    """One column of a sample.

    Attributes
    ----------
    title : str
        Its name in the file.
    values : sequence of (str, int)
        Distinct values with their counts in the sample, null words and empty ones left out.
    rows, filled, distinct : int
        Rows of the sample; those with a value; different values.
    native : str
        The engine's type in a typed file; ``varchar`` in text.
    expression : str
        The column in the sample table.
    nulls : tuple of str
        Words that stand for no value.
    is_padded : bool
        Whether values begin or end with spaces.
    """

    title: str
    values: Counted
    rows: int
    filled: int
    distinct: int
    native: str
    expression: str
    nulls: tuple[str, ...] = ()
    is_padded: bool = False


@dataclass
class Sample:
    """A file, its dialect, and a sample of its rows in a table of the connection."""

    path: Path
    dialect: Dialect
    table: str
    rows: int
    columns: list[SampleColumn]
    whole: str
    """FROM clause over the whole file, with columns by their expressions."""
    is_whole: bool
    notes: list[str] = field(default_factory=list)
    ragged: int = 0


def dialect_of(path: Path) -> Dialect:
    """Return how a file is written.

    Raises
    ------
    SampleError
        If it is no table that can be read, with what to do about it.
    """
    head = _head(path)
    if not head.strip():
        raise SampleError(f"{path} is empty.", "Give a file with rows in it.")
    if head[:4] == b"PAR1":
        return Dialect("parquet")
    for magic, (what, remedy) in _NOT_TABLES.items():
        if head.startswith(magic):
            raise SampleError(f"{path} is {what}.", remedy)
    encoding = _encoding(path, head)
    text = head.decode("utf-16" if encoding == "utf-16" else encoding, "replace").lstrip("\ufeff")
    if encoding != "utf-16" and "\x00" in text[: _HEAD // 4]:
        raise SampleError(f"{path} is binary: no text and no Parquet.", "Export it as CSV.")
    if re.match(r"\s*[{\[]", text):
        return Dialect("jsonl", encoding)
    delimiter, quote = _delimiter(text)
    rows = _rows(text, delimiter, quote)
    return Dialect("csv", encoding, delimiter, quote, _has_header(rows))


def _head(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise SampleError(f"{path} is no file.", "Name files, folders or globs that exist.")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise SampleError(
            f"{path} cannot be read ({error.strerror}).", "Check its rights."
        ) from None
    return _unpacked(path, head)


def _unpacked(path: Path, head: bytes) -> bytes:
    """Return the first bytes of what is inside a compressed file."""
    import pyarrow as pa

    kind = "gzip" if head[:2] == b"\x1f\x8b" else "zstd" if head[:4] == b"\x28\xb5\x2f\xfd" else ""
    if not kind:
        return head
    try:
        with pa.CompressedInputStream(pa.OSFile(str(path)), kind) as stream:
            return bytes(stream.read(_HEAD))
    except (OSError, pa.ArrowException):
        raise SampleError(f"{path} is a broken {kind} file.", "Deliver it again, whole.") from None


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1:200:2].count(0) > 60 or (len(head) > 1 and head[0] == 0):
        return "utf-16"
    is_packed = path.open("rb").read(2) in (b"\x1f\x8b", b"\x28\xb5")
    blocks = [head] if is_packed else _spread_blocks(path, head)
    for number, block in enumerate(blocks):
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            # A block that starts in the middle of a letter: its first bytes are not judged.
            decoder.decode(block if number == 0 else block[block.find(b"\n") + 1 :])
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _spread_blocks(path: Path, head: bytes) -> list[bytes]:
    size = path.stat().st_size
    blocks = [head]
    if size > len(head):
        with path.open("rb") as file:
            if size <= _READ_WHOLE:
                return [file.read()]
            for number in range(1, _BLOCKS):
                file.seek(size * number // _BLOCKS)
                blocks.append(file.read(_BLOCK))
    return blocks


def _delimiter(text: str) -> tuple[str, str]:
    """Return the delimiter and quote that cut the first rows into most columns most evenly."""
    if match := re.match(r"sep=(.)\r?\n", text, re.IGNORECASE):
        return match[1], '"'
    best = (0.0, ",", '"')
    for delimiter in _DELIMITERS:
        for quote in ('"', "'"):
            if quote == "'" and not re.search(
                rf"(^|{re.escape(delimiter)})'[^'\n]*'({re.escape(delimiter)}|\r?\n)", text
            ):
                continue
            widths = Counter(len(row) for row in _rows(text, delimiter, quote))
            if not widths:
                continue
            width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
            evenness = count / sum(widths.values())
            score = evenness**3 * (width > 1) * (1 + width / 1000)
            if quote == "'":
                score *= 1.01
            if score > best[0] + 1e-9:
                best = (score, delimiter, quote)
    return best[1], best[2]


def _rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    """Return the first whole rows of a text."""
    lines = re.sub(r"^sep=.\r?\n", "", text, flags=re.IGNORECASE)
    reader = csv.reader(io.StringIO(lines, newline=""), delimiter=delimiter, quotechar=quote)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) > _SNIFFED_ROWS:
                break
    except csv.Error:
        pass
    if len(text) >= _HEAD // 2 and len(rows) <= _SNIFFED_ROWS:
        rows = rows[:-1]  # cut off by the end of what was read
    return rows


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row names the columns."""
    first = [title.strip().strip("\ufeff") for title in rows[0]] if rows else []
    if not any(first):
        return False
    looks_like_data = sum(
        bool(re.fullmatch(r"[+-]?[\d .,:/-]+", title)) or DETECTORS["email"](title)
        for title in first
    )
    if looks_like_data:
        return False
    known = sum(bool(named_columns(title)) for title in first if title)
    if known * 2 >= len([title for title in first if title]):
        return True
    # Names nobody knows: a header if it repeats nowhere below, or stands over numbers.
    below = rows[1:]
    if not below:
        return True
    repeated = sum(
        any(place < len(row) and row[place].strip() == title for row in below)
        for place, title in enumerate(first)
        if title
    )
    return repeated * 4 < len(first) and len(set(first)) == len(first)


def titles_without_header(width: int) -> list[str]:
    """Return names for the columns of a file that names none."""
    return [f"column_{number}" for number in range(1, width + 1)]


def read_sample(con: Connection, path: Path, dialect: Dialect, spill: Path, name: str) -> Sample:
    """Return a sample of a file as a table of the connection.

    Raises
    ------
    SampleError
        If it cannot be read as it was understood.
    """
    if dialect.format == "parquet":
        return _parquet_sample(con, path, dialect, name)
    if dialect.format == "jsonl":
        return _jsonl_sample(con, path, dialect, spill, name)
    return _csv_sample(con, path, dialect, spill, name)


def _parquet_sample(con: Connection, path: Path, dialect: Dialect, name: str) -> Sample:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as parquet:
            rows = int(parquet.metadata.num_rows)
    except (pa.ArrowException, OSError, ValueError):
        raise SampleError(
            f"{path} is not a whole Parquet file.", "Deliver it again, whole."
        ) from None
    # The engine expands wildcards in a path: a link of ours has none.
    source = f"read_parquet({literal(path)})"
    every = max(rows // _MOST_ROWS, 1)
    numbered = f"read_parquet({literal(path)}, file_row_number = true)"
    chosen = (
        "" if every == 1 else f" where file_row_number < 20000 or file_row_number % {every} = 0"
    )
    try:
        types = [
            (str(r[0]), str(r[1])) for r in con.sql(f"describe select * from {source}").fetchall()
        ]
        con.execute(
            f"create temp table {name} as select * exclude (file_row_number)"
            f" from {numbered}{chosen}"
        )
    except duckdb.Error:
        raise SampleError(f"{path} cannot be read.", "Deliver it again, whole.") from None
    sample = Sample(path, dialect, name, rows, [], source, every == 1)
    for title, native in types:
        if native.endswith("[]") or native.startswith(("STRUCT", "MAP", "UNION", "BLOB")):
            sample.notes.append(f"{title} is nested or binary and was left out")
            continue
        sample.columns.append(_column(con, name, title, identifier(title), native.lower()))
    return sample


def _jsonl_sample(con: Connection, path: Path, dialect: Dialect, spill: Path, name: str) -> Sample:
    """Return a sample of JSON Lines: nested values by dotted path, lists as text."""
    import pyarrow as pa

    folder = spill / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        text = prepare(probe_contract(dialect), path, folder, largest=_LARGEST_EXPANSION)
    except UnreadableFileError as error:
        raise SampleError(f"{path}: {error.reason}.", _without_contract(error.hint)) from None
    rows: list[dict[str, str | None]] = []
    broken = 0
    with text.path.open(encoding="utf-8-sig", errors="replace") as lines:
        for line in islice(lines, _MOST_ROWS):
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            if isinstance(found, dict):
                rows.append(dict(_flat(found, "")))
            else:
                broken += bool(line.strip())
    if not rows or broken > len(rows):
        raise SampleError(
            f"{path} is no JSON Lines: one object a line.",
            "Write each object on a line of its own.",
        )
    titles = list(dict.fromkeys(title for row in rows for title in row))
    arrays = {
        f"c{place}": pa.array([row.get(title) for row in rows], pa.string())
        for place, title in enumerate(titles)
    }
    con.register(f"{name}_objects", pa.table(arrays))
    con.execute(f"create temp table {name} as select * from {name}_objects")
    con.unregister(f"{name}_objects")
    sample = Sample(path, dialect, name, text.survey.records, [], name, True)
    sample.columns = [
        _column(con, name, title, f"c{place}", "varchar") for place, title in enumerate(titles)
    ]
    return sample


def _flat(found: dict[str, Any], start: str) -> Iterator[tuple[str, str | None]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{key}.")
        elif value is None or isinstance(value, str):
            yield start + key, value
        else:
            yield start + key, json.dumps(value, ensure_ascii=False)


def _csv_sample(con: Connection, path: Path, dialect: Dialect, spill: Path, name: str) -> Sample:
    import duckdb

    contract = probe_contract(dialect)
    folder = spill / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        text = prepare(contract, path, folder, largest=_LARGEST_EXPANSION)
        if text.survey.quoting == "broken" and dialect.quote == '"':
            plain = replace(dialect, quote="")
            text = prepare(probe_contract(plain), path, folder, largest=_LARGEST_EXPANSION)
            dialect = plain
    except UnreadableFileError as error:
        raise SampleError(f"{path}: {error.reason}.", _without_contract(error.hint)) from None
    link = folder / "whole.csv"
    link.symlink_to(text.path.resolve())
    titles = _titles(text.path, dialect)
    size = text.path.stat().st_size
    is_whole = size <= _READ_WHOLE
    part = link if is_whole else _spread(text.path, folder / "part.csv")
    if text.survey.has_inner_line_ends and not is_whole:
        part, is_whole = link, False
    limit = "" if is_whole else f" limit {_MOST_ROWS}"
    try:
        con.execute(
            f"create temp table {name} as select *"
            f" from {_csv_source(part, dialect, len(titles))}{limit}"
        )
        ragged = con.sql("select count(distinct line) from reject_errors").fetchall()[0][0]
        con.execute("truncate reject_errors")
    except duckdb.Error:
        raise SampleError(
            f"{path} cannot be cut into rows with delimiter {dialect.delimiter!r}.",
            "Is it a table with one header line? Remove lines above the header.",
        ) from None
    rows = text.survey.records - int(dialect.has_header)
    sample = Sample(
        path, dialect, name, rows, [], _csv_source(link, dialect, len(titles)), is_whole
    )
    sample.ragged = int(ragged)
    _refuse_ragged(con, sample)
    twice = {title for title, count in Counter(titles).items() if count > 1}
    for place, title in enumerate(titles):
        if title in twice:
            sample.notes.append(f"two columns are called {title or 'nothing'}; both were left out")
        else:
            sample.columns.append(_column(con, name, title, f"c{place}", "varchar"))
    return sample


def _refuse_ragged(con: Connection, sample: Sample) -> None:
    rows = int(con.sql(f"select count(*) from {sample.table}").fetchall()[0][0])
    if rows < sample.ragged:
        raise SampleError(
            f"{sample.path}: most lines have another number of values than the first one.",
            "Is there a title above the header? Remove it, and check the delimiter.",
        )


def _without_contract(hint: str) -> str:
    return hint.split(", or set")[0].split(" at ")[0].rstrip(".") + "."


def probe_contract(dialect: Dialect) -> SourceTable:
    """Return a contract that says no more than how a text file is written."""
    return SourceTable.model_validate(
        {
            "system": "sample",
            "table": "sample",
            "description": "One row per row.",
            "owner": "whoever made it",
            "files": ["*"],
            "format": dialect.format,
            "encoding": dialect.encoding,
            "delimiter": dialect.delimiter,
            "quote": dialect.quote,
            "delivery": "snapshot",
            "key": ["c"],
            "columns": {"c": {"name": "c", "type": "text", "doc": "Any column."}},
            "file": Path("sample.yml"),
            "line": 1,
        }
    )


def _titles(path: Path, dialect: Dialect) -> list[str]:
    with path.open("rb") as file:
        text = file.read(_HEAD).decode("utf-8", "replace").lstrip("\ufeff")
    rows = _rows(text, dialect.delimiter, dialect.quote or "\x00")
    if not dialect.has_header:
        return titles_without_header(max(len(row) for row in rows))
    return list(rows[0])


def _spread(path: Path, target: Path) -> Path:
    """Write the first rows and blocks of whole lines spread over the rest of a file."""
    size = path.stat().st_size
    with path.open("rb") as source, target.open("wb") as out:
        head = source.read(4 * _BLOCK * 4)
        out.write(head[: head.rfind(b"\n") + 1])
        for number in range(1, _BLOCKS):
            source.seek(max(len(head), size * number // _BLOCKS))
            block = source.read(_BLOCK)
            out.write(block[block.find(b"\n") + 1 : block.rfind(b"\n") + 1])
    return target


def _csv_source(path: Path, dialect: Dialect, width: int) -> str:
    struct = ", ".join(f"'c{place}': 'VARCHAR'" for place in range(width))
    quote = literal(dialect.quote)
    return (
        f"read_csv({literal(path)}, columns = {{{struct}}}, auto_detect = false,"
        f" header = {str(dialect.has_header).lower()}, delim = {literal(dialect.delimiter)},"
        f" quote = {quote}, escape = {quote}, nullstr = [''], compression = 'none',"
        " store_rejects = true, rejects_limit = 0)"
    )


def _column(con: Connection, table: str, title: str, expression: str, native: str) -> SampleColumn:
    rows = int(con.sql(f"select count(*) from {table}").fetchall()[0][0])
    text = f"cast({expression} as varchar)"
    counted = con.sql(
        f"select {text} as value, count(*) as n from {table} where {expression} is not null"
        f" and trim({text}) <> '' group by value order by n desc, value limit {_MOST_DISTINCT}"
    ).fetchall()
    distinct = int(
        con.sql(f"select count(distinct {text}) from {table} where trim({text}) <> ''").fetchall()[
            0
        ][0]
    )
    if native in ("double", "float"):
        counted = [(value, count) for value, count in counted if value != "nan"]
    nulls, kept = _null_words(counted)
    is_padded = any(value != value.strip() for value, _ in kept)
    filled = int(
        con.sql(
            f"select count(*) from {table} where {expression} is not null and trim({text}) <> ''"
        ).fetchall()[0][0]
    ) - sum(count for value, count in counted if value in nulls)
    stripped = [(value.strip(), count) for value, count in kept] if is_padded else kept
    return SampleColumn(
        title, stripped, rows, filled, distinct - len(nulls), native, expression, nulls, is_padded
    )


def _null_words(counted: list[Any]) -> tuple[tuple[str, ...], list[tuple[str, int]]]:
    """Return words among the values that mean no value, and the other values."""
    known = vocabulary().nulls
    here = tuple(value for value, _ in counted if value.strip() in known)
    rest = [(str(value), int(count)) for value, count in counted if value not in here]
    return here, rest if rest or not here else []
