"""Reading a CSV delivery: header, quoting, rows of the wrong shape, raw text of the rejected.

Belongs here: what is special about CSV. The file is read once by the engine, as text; every value
is parsed in the same pass.
"""

from __future__ import annotations

import re
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import Delivery
from cdp_pipeline.ingest.drift import HeaderMatch, delimiter_hint, match_header, refusal
from cdp_pipeline.ingest.jobs import MOST_RAW_BYTES, WRONG_ENCODING, Job, Outcome, Reject
from cdp_pipeline.ingest.judging import judge_rows
from cdp_pipeline.ingest.likeness import SAMPLE_SIZE, Sample, likeness_to, sampled_csv
from cdp_pipeline.ingest.text_files import (
    Scanner,
    TextFile,
    UnreadableFileError,
    header_names,
    prepare,
    split_record,
)
from cdp_pipeline.ingest.typed_rows import connection, write_rows
from cdp_pipeline.ingest.values import parse_text
from cdp_pipeline.warehouse.engine import Connection, literal

_SHAPES = {
    "MISSING COLUMNS": "fewer values than the header has columns",
    "TOO MANY COLUMNS": "more values than the header has columns",
    "INVALID ENCODING": WRONG_ENCODING,
    "INVALID UNICODE": WRONG_ENCODING,
    "LINE SIZE OVER MAXIMUM": "longer than 2 MB",
}
_LOOKS_LIKE = {
    "integer": re.compile(r"[-+]?[\d., '\u00a0]+"),
    "decimal": re.compile(r"[-+]?[\d., '\u00a0]+"),
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
    outcome.delivered = max(survey.records - 1, 0)
    if survey.quoting == "broken":
        raise UnreadableFileError(
            f"its quoting is broken from record {survey.broken_record} on: a quote is not closed,"
            " or stands where none may",
            f"Ask the owner, {contract.owner}, for a well-formed file, or set"
            f' quote: "" at {contract.where("quote")} if its values are never quoted.',
        )
    match = _matched(job, text, outcome, sampled_csv(contract, text), before)
    _refuse_swallowed(contract, text, match)
    link = work / "delivery.csv"
    # The engine expands wildcards in a path; this name has none.
    link.symlink_to(text.path.resolve())
    source, raws = _csv_source(contract, link, match)
    with connection(job, work, [link]) as con:
        columns = {
            name: (
                raws.get(name, "null::varchar"),
                parse_text(column, contract, may_have_underscores=survey.has_underscore),
            )
            for name, column in contract.columns.items()
        }
        rows = write_rows(con, job, source, columns, has_nul=survey.has_nul)
        shapes = _wrong_shapes(con, contract, text)
        if rows + len(shapes) != outcome.delivered:
            raise UnreadableFileError(
                f"{outcome.delivered} records were counted but {rows + len(shapes)} parsed:"
                " its quoting is ambiguous",
                f"Ask the owner, {contract.owner}, for a file whose values are quoted alike.",
            )
        judge_rows(con, job, outcome, rows, shapes)
    _fetch_raw_texts(contract, text, outcome)


def _matched(
    job: Job, text: TextFile, outcome: Outcome, sample: Sample, before: Delivery | None
) -> HeaderMatch:
    """Return how the header fits, or refuse the file."""
    contract = job.contract
    header = header_names(contract, text)
    match = match_header(contract, header, likeness_to(job, sample, before))
    outcome.drift = match.drift
    if match.breaking:
        joined = contract.delimiter.join(header)
        others = [d for d in (",", ";", "\t", "|") if d != contract.delimiter]
        splits = {d: split_record(contract, joined, d) for d in others}
        if (wrong := delimiter_hint(contract, header, splits)) is not None:
            raise UnreadableFileError(*wrong)
        raise UnreadableFileError(*refusal(match.breaking))
    return match


def _refuse_swallowed(contract: SourceTable, text: TextFile, match: HeaderMatch) -> None:
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
            raise UnreadableFileError(
                f"a quoted value in record {number} spans {len(lines)} lines that are records of"
                " their own: a quote is not closed",
                f"Ask the owner, {contract.owner}, for a well-formed file.",
            )


def _csv_source(
    contract: SourceTable, path: Path, match: HeaderMatch
) -> tuple[str, dict[str, str]]:
    """Return the FROM clause over a CSV file, and the raw column of each contract column."""
    names = [f"c{place}" for place in range(len(match.columns))]
    struct = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    nulls = ", ".join(literal(word) for word in dict.fromkeys(("", *contract.null_values)))
    quote = literal(contract.quote)
    source = (
        f"read_csv({literal(path)}, columns = {{{struct}}}, auto_detect = false, header = true,"
        f" delim = {literal(contract.delimiter)}, quote = {quote}, escape = {quote},"
        f" nullstr = [{nulls}], compression = 'none', store_rejects = true, rejects_limit = 0)"
    )
    raws = {
        column: name
        for name, column in zip(names, match.columns, strict=True)
        if column is not None
    }
    return source, raws


def _wrong_shapes(con: Connection, contract: SourceTable, text: TextFile) -> dict[int, Reject]:
    """Return the records that are not rows at all, by record number."""
    found = con.execute(
        "select line, min(cast(error_type as varchar)) from reject_errors group by line"
    ).fetchall()
    kinds = {kind for _, kind in found}
    if unknown := sorted(kinds - set(_SHAPES)):
        raise UnreadableFileError(
            f"its quoting is broken ({', '.join(unknown).lower()})",
            f"Ask the owner, {contract.owner}, for a well-formed file.",
        )
    hints = {
        "INVALID ENCODING": f"Check encoding at {contract.where('encoding')}.",
        "LINE SIZE OVER MAXIMUM": "Is a quote not closed? Mend the record and deliver again.",
    }
    default = "Is a delimiter or line end inside a value not quoted? Mend it and deliver again."
    shapes = {
        int(line) - 1: Reject("", _SHAPES[kind], hints.get(kind, default)) for line, kind in found
    }
    last = text.survey.records - 1
    if not text.survey.is_ended and last in shapes and shapes[last].reason.startswith("fewer"):
        raise UnreadableFileError(
            f"it ends in the middle of record {last}: cut off", "Deliver it again, whole."
        )
    return shapes


def _fetch_raw_texts(contract: SourceTable, text: TextFile, outcome: Outcome) -> None:
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
