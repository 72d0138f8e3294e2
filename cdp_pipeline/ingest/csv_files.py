"""Reading a CSV delivery: header, quoting, rows of the wrong shape, raw text of the rejected.

Belongs here: what is special about CSV. The file is read once by the engine, as text; every value
is parsed in the same pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import Delivery
from cdp_pipeline.ingest.drift import (
    Drift,
    HeaderMatch,
    delimiter_hint,
    folded,
    match_header,
    refusal,
    unnamed_column,
)
from cdp_pipeline.ingest.jobs import MOST_RAW_BYTES, Job, Outcome, Reject
from cdp_pipeline.ingest.judging import judge_rows
from cdp_pipeline.ingest.likeness import SAMPLE_SIZE, first_records, likeness_to, sampled_csv
from cdp_pipeline.ingest.plain_text import UnreadableFileError
from cdp_pipeline.ingest.text_files import (
    Scanner,
    TextFile,
    header_names,
    prepare,
    split_record,
)
from cdp_pipeline.ingest.typed_rows import connection, write_rows
from cdp_pipeline.ingest.values import parse_text
from cdp_pipeline.warehouse.engine import Connection, literal

_MOST_LOOKED_AT = 200
_SHAPES = {
    "MISSING COLUMNS": "fewer values than the header has columns",
    "TOO MANY COLUMNS": "more values than the header has columns",
    "LINE SIZE OVER MAXIMUM": "longer than 2 MB",
}
_WRONG_BYTES = ("INVALID ENCODING", "INVALID UNICODE")
_LOOKS_LIKE = {
    "integer": re.compile(r"[-+\u2212(]?[\d., '\u00a0\u202f]+[-)]?"),
    "decimal": re.compile(r"[-+\u2212(]?[\d., '\u00a0\u202f]+[-)]?"),
    "date": re.compile(r"[\w./ -]*\d[\w./ -]*"),
    "timestamp": re.compile(r"[\w.:+/ -]*\d[\w.:+/ -]*"),
}
"""What text of a kind looks like, loosely."""


def read_csv(job: Job, work: Path, outcome: Outcome, before: Delivery | None) -> None:
    """Read a CSV delivery into typed rows; what came of it is put into `outcome`.

    Raises
    ------
    UnreadableFileError
        If the delivery must be refused as a whole.
    """
    contract = job.contract
    text = prepare(contract, job.file.path, work, largest=int(job.limits.expanded_gb * 1e9))
    survey = text.survey
    outcome.delivered = text.rows
    if survey.quoting == "broken":
        raise UnreadableFileError(
            f"its quoting is broken from record {survey.broken_record + 1 - text.header_records}"
            " on: a quote is not closed, or stands where none may",
            f"Ask the owner, {contract.owner}, for a well-formed file, or set"
            f' quote: "" at {contract.where("quote")} if its values are never quoted.',
        )
    match = _matched(job, text, outcome, before)
    _refuse_swallowed(contract, text, match, outcome)
    link = work / "delivery.csv"
    # The engine expands wildcards in a path; this name has none.
    link.symlink_to(text.path.resolve())
    source, raws = _csv_source(contract, link, match, has_header=bool(text.header_records))
    with connection(job, work, [link]) as con:
        columns = {
            name: (
                raws.get(name, "null::varchar"),
                parse_text(column, contract, signs=survey.signs),
            )
            for name, column in contract.columns.items()
        }
        rows = write_rows(con, job, source, columns, has_nul=survey.has_nul)
        shapes = wrong_shapes(con, contract, text)
        check_count(job, outcome, rows, shapes)
        judge_rows(con, job, outcome, rows, shapes)
    fetch_raw_texts(contract, text, outcome)
    places = {name: place for place, name in enumerate(match.columns) if name is not None}

    def value(record: str, column: str) -> str | None:
        values = split_record(contract, record)
        return values[places[column]] if places.get(column, len(values)) < len(values) else None

    outcome.bad_values = bad_values(outcome, value)


def check_count(job: Job, outcome: Outcome, rows: int, shapes: Mapping[int, Reject]) -> None:
    """Refuse a file of which the engine sees other records than were counted."""
    if rows + len(shapes) != outcome.delivered:
        raise UnreadableFileError(
            f"{outcome.delivered} records were counted but {rows + len(shapes)} parsed:"
            " its quoting is ambiguous",
            f"Ask the owner, {job.contract.owner}, for a file whose values are quoted alike.",
        )


def _matched(job: Job, text: TextFile, outcome: Outcome, before: Delivery | None) -> HeaderMatch:
    """Return how the header fits, or refuse the file."""
    contract = job.contract
    if not contract.header:
        return _by_place(contract, text)
    header = header_names(contract, text)
    if contract.format == "csv" and len(header) == 1 and header[0].lstrip().startswith("{"):
        raise UnreadableFileError(
            "it looks like JSON Lines, but the contract says format: csv",
            f"Change `format:` at {contract.where('format')} to jsonl.",
        )
    sample = first_records(contract, text)
    _refuse_joined(contract, header, sample)
    if not sample:
        header = _with_unknown_hidden(contract, header)
    if (
        header[-1:] != [""]
        and sample
        and all(len(row) == len(header) + 1 and not row[-1] for row in sample)
    ):
        # Each record ends with a delimiter, the header does not.
        header = [*header, ""]
    match = match_header(
        contract, header, likeness_to(job, sampled_csv(contract, text, header), before)
    )
    outcome.drift = _with_unnamed(contract, match.drift, header, sample)
    if match.breaking:
        joined = contract.delimiter.join(header)
        others = [d for d in (",", ";", "\t", "|") if d != contract.delimiter]
        splits = {d: split_record(contract, joined, d) for d in others}
        if (wrong := delimiter_hint(contract, header, splits)) is not None:
            raise UnreadableFileError(*wrong)
        raise UnreadableFileError(*refusal(match.breaking))
    return HeaderMatch(match.columns, outcome.drift)


def _refuse_joined(contract: SourceTable, header: list[str], sample: list[list[str]]) -> None:
    """Refuse a header that a record goes on in: its names may be values, and are not shown."""
    widths = Counter(len(row) for row in sample)
    width = widths.most_common(1)[0][0] if widths else len(header)
    if len(header) > width and len(header) > len(contract.columns):
        raise UnreadableFileError(
            f"its header has {len(header)} names, but its records have {width} values",
            f"Is a line end missing? Ask the owner, {contract.owner}, for a well-formed file.",
        )


def _with_unknown_hidden(contract: SourceTable, header: list[str]) -> list[str]:
    """Return the names of a file without records; those unknown may be values of a lost one."""
    known = {folded(column.name_in_file) for column in contract.columns.values()}
    return [
        title if folded(title) in known or not title else f"column {place}"
        for place, title in enumerate(header, 1)
    ]


def _by_place(contract: SourceTable, text: TextFile) -> HeaderMatch:
    """Return the contract's columns in their order, for a file whose columns have no names."""
    widths = Counter(len(row) for row in first_records(contract, text))
    width, wanted = widths.most_common(1)[0][0] if widths else 0, len(contract.columns)
    first = next(iter(first_records(contract, text, most=1)), [])
    titles = {column.name_in_file.casefold() for column in contract.columns.values()}
    if first and 2 * len(titles & {value.strip().casefold() for value in first}) > wanted:
        raise UnreadableFileError(
            "its first record names the columns, but the contract says header: false",
            f"Remove `header:` at {contract.where('header')}.",
        )
    if width != wanted and text.rows:
        raise UnreadableFileError(
            f"its records have {width} values, but the contract declares {wanted} columns, which"
            " without a header are told by their place",
            f"Declare every column in the file's order at {contract.where('columns')}, or check"
            f" delimiter at {contract.where('delimiter')}.",
        )
    return HeaderMatch(tuple(contract.columns), ())


def _with_unnamed(
    contract: SourceTable,
    drift: tuple[Drift, ...],
    header: list[str],
    sample: list[list[str]],
) -> tuple[Drift, ...]:
    """Return the drift without columns that have neither name nor values, as Excel leaves them."""
    places = [place for place, title in enumerate(header) if not title.strip()]
    is_used = any(row[p].strip() for row in sample for p in places if p < len(row))
    named = tuple(d for d in drift if d.kind != "new_column" or d.column.strip())
    return (*named, unnamed_column(contract, places[0] + 1)) if is_used else named


def _refuse_swallowed(
    contract: SourceTable, text: TextFile, match: HeaderMatch, outcome: Outcome
) -> None:
    """Refuse a file in which a quoted value spans what are, line by line, records of their own."""
    typed = {
        place: contract.columns[name].kind
        for place, name in enumerate(match.columns)
        if name is not None and contract.columns[name].kind in _LOOKS_LIKE
    }
    if not text.survey.has_inner_line_ends or not typed:
        return
    scanner, width = Scanner.of(contract), len(match.columns)
    numbers = sorted(set(scanner.like_several_records(text, width)))[:SAMPLE_SIZE]
    for number, raw in zip(
        numbers, scanner.records(text, numbers, largest=MOST_RAW_BYTES), strict=True
    ):
        lines = raw.decode("utf-8", "replace").replace(contract.quote, "").splitlines()
        rows = [line.split(contract.delimiter) for line in lines]
        values = [(row[p], kind) for row in rows if len(row) == width for p, kind in typed.items()]
        given = [_LOOKS_LIKE[kind].fullmatch(value.strip()) for value, kind in values if value]
        if number > 0 and given and all(given):
            outcome.delivered = scanner.lines(text.path) - text.header_records
            raise UnreadableFileError(
                f"a quoted value in record {number} spans {len(lines)} lines that are records of"
                " their own: a quote is not closed",
                f"Ask the owner, {contract.owner}, for a well-formed file.",
            )


def _csv_source(
    contract: SourceTable, path: Path, match: HeaderMatch, *, has_header: bool
) -> tuple[str, dict[str, str]]:
    """Return the FROM clause over a CSV file, and the raw column of each contract column."""
    names = [f"c{place}" for place in range(len(match.columns))]
    struct = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    nulls = ", ".join(literal(word) for word in dict.fromkeys(("", *contract.null_values)))
    quote = literal(contract.quote)
    source = (
        f"read_csv({literal(path)}, columns = {{{struct}}}, auto_detect = false,"
        f" header = {str(has_header).lower()},"
        f" delim = {literal(contract.delimiter)}, quote = {quote}, escape = {quote},"
        f" nullstr = [{nulls}], compression = 'none', store_rejects = true, rejects_limit = 0)"
    )
    raws = {
        column: name
        for name, column in zip(names, match.columns, strict=True)
        if column is not None
    }
    return source, raws


def wrong_shapes(con: Connection, contract: SourceTable, text: TextFile) -> dict[int, Reject]:
    """Return the records that are not rows at all, by record number."""
    found = con.execute(
        "select line, min(cast(error_type as varchar)) from reject_errors group by line"
    ).fetchall()
    kinds = {kind for _, kind in found}
    if unknown := sorted(kinds - {*_SHAPES, *_WRONG_BYTES}):
        raise UnreadableFileError(
            f"its quoting is broken ({', '.join(unknown).lower()})",
            f"Ask the owner, {contract.owner}, for a well-formed file.",
        )
    shape = _SHAPES | dict.fromkeys(_WRONG_BYTES, f"not valid {contract.encoding}")
    others = " or ".join(e for e in ("utf-8", "cp1252", "latin-1") if e != contract.encoding)
    hints = dict.fromkeys(_WRONG_BYTES, f"Is it {others}? Check {contract.where('encoding')}.") | {
        "LINE SIZE OVER MAXIMUM": "Is a quote not closed? Mend the record and deliver again.",
    }
    default = "Is a delimiter or line end inside a value not quoted? Mend it and deliver again."
    shapes = {
        int(line) - text.header_records: Reject("", shape[kind], hints.get(kind, default))
        for line, kind in found
    }
    last = text.rows
    if not text.survey.is_ended and last in shapes and shapes[last].reason.startswith("fewer"):
        raise UnreadableFileError(
            f"it ends in the middle of record {last}: cut off", "Deliver it again, whole."
        )
    return shapes


def fetch_raw_texts(contract: SourceTable, text: TextFile, outcome: Outcome) -> None:
    """Read the rejected records once more, as they stand in the file."""
    numbers = sorted(outcome.rejects)
    if not numbers:
        return
    raw = Scanner.of(contract).records(text, numbers, largest=MOST_RAW_BYTES)
    outcome.raw_texts = {
        number: record.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
        for number, record in zip(numbers, raw, strict=True)
    }
    nothing = contract.delimiter + contract.quote + " \t"
    for number, record_text in outcome.raw_texts.items():
        if not record_text.strip(nothing):
            # Spreadsheets save rows that only look used.
            outcome.rejects[number] = Reject("", "an empty record", "Nothing to do.", True)


def bad_values(outcome: Outcome, value: Callable[[str, str], str | None]) -> dict[str, list[str]]:
    """Return some values of each column that were not taken, to tell what form they have.

    Parameters
    ----------
    outcome : Outcome
    value : callable
        Returns the value of a column in a record's raw text.
    """
    found: dict[str, list[str]] = {}
    for number, reject in outcome.rejects.items():
        values = found.setdefault(reject.column, [])
        if len(values) < _MOST_LOOKED_AT and reject.column and number in outcome.raw_texts:
            text = value(outcome.raw_texts[number], reject.column)
            values += [text.strip()] if text and text.strip() else []
    return {column: values for column, values in found.items() if values}
