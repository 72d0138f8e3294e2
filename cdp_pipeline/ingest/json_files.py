"""Reading a JSON Lines delivery: one object a line, nested values by dotted path, lists as text.

Belongs here: what is special about JSON Lines. A line is read as text like a record of CSV, so that
counting, encodings, rejected records and their raw text are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.csv_files import bad_values, check_count, fetch_raw_texts, wrong_shapes
from cdp_pipeline.ingest.deliveries import Delivery
from cdp_pipeline.ingest.drift import HeaderMatch, match_fields, refusal
from cdp_pipeline.ingest.jobs import MOST_RAW_BYTES, Job, Outcome
from cdp_pipeline.ingest.judging import judge_rows
from cdp_pipeline.ingest.likeness import SAMPLE_SIZE, likeness_to
from cdp_pipeline.ingest.plain_text import UnreadableFileError
from cdp_pipeline.ingest.text_files import Scanner, TextFile, prepare
from cdp_pipeline.ingest.typed_rows import connection, write_rows
from cdp_pipeline.ingest.values import parse_text
from cdp_pipeline.warehouse.engine import literal

_SEPARATOR = "\x1f"  # in JSON no control character may stand as itself
_DEEPEST = 20

Path_ = tuple[str, ...]


def read_jsonl(job: Job, work: Path, outcome: Outcome, before: Delivery | None) -> None:
    """Read a JSON Lines delivery into typed rows; what came of it is put into `outcome`.

    Raises
    ------
    UnreadableFileError
        If the delivery must be refused as a whole.
    """
    contract = job.contract
    text = prepare(contract, job.file.path, work, largest=int(job.limits.expanded_gb * 1e9))
    outcome.delivered = text.rows
    objects = _first_objects(contract, text)
    fields = _fields(objects)
    match = _matched(job, text, outcome, objects, fields, before)
    paths = {
        name: fields[title]
        for title, name in zip(fields, match.columns, strict=True)
        if name is not None
    }
    link = work / "delivery.jsonl"
    link.symlink_to(text.path.resolve())
    with connection(job, work, [link]) as con:
        places = {name: place for place, name in enumerate(paths, 1)}
        columns = {
            name: (
                _raw(contract, places[name]) if name in places else "null::varchar",
                parse_text(column, contract, signs=text.survey.signs),
            )
            for name, column in contract.columns.items()
        }
        source = _source(link, list(paths.values()))
        # An escaped NUL is no byte of the file.
        rows = write_rows(con, job, source, columns, has_nul=True, is_broken="not is_object")
        shapes = wrong_shapes(con, contract, text)
        check_count(job, outcome, rows, shapes)
        judge_rows(con, job, outcome, rows, shapes)
    _refuse_cut_off(text, outcome)
    fetch_raw_texts(contract, text, outcome)

    def value(record: str, column: str) -> str | None:
        found = _at(_object(record) or {}, paths.get(column, ("",)))
        return None if found is None else found if isinstance(found, str) else json.dumps(found)

    outcome.bad_values = bad_values(outcome, value)


def _refuse_cut_off(text: TextFile, outcome: Outcome) -> None:
    """Refuse a file whose last line is neither ended nor an object: others may be missing."""
    last = outcome.rejects.get(text.rows)
    if last is not None and not text.survey.is_ended and not last.column:
        raise UnreadableFileError(
            f"it ends in the middle of record {text.rows}: cut off", "Deliver it again, whole."
        )


def _source(link: Path, paths: Sequence[Path_]) -> str:
    """Return the FROM clause over a JSON Lines file: the values at the paths, as texts."""
    pointers = ", ".join(literal("".join(f"/{_escaped(key)}" for key in path)) for path in paths)
    lines = (
        f"read_csv({literal(link)}, columns = {{'line': 'VARCHAR'}}, auto_detect = false,"
        f" header = false, delim = {literal(_SEPARATOR)}, quote = '', escape = '',"
        " compression = 'none', store_rejects = true, rejects_limit = 0)"
    )
    checked = (
        "select line, coalesce(starts_with(ltrim(line, ' \t'), '{') and json_valid(line), false)"
        f" as is_object from {lines}"
    )
    # What is no object is not looked into: the engine would raise, and quote it.
    values = f"json_extract_string(line, [{pointers}])" if paths else "null::varchar[]"
    return f"(select is_object, case when is_object then {values} end as j from ({checked}))"


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _raw(contract: SourceTable, place: int) -> str:
    nulls = ", ".join(literal(word) for word in dict.fromkeys(("", *contract.null_values)))
    return f"case when j[{place}] not in ({nulls}) then j[{place}] end"


def _matched(
    job: Job,
    text: TextFile,
    outcome: Outcome,
    objects: Sequence[dict[str, Any]],
    fields: dict[str, Path_],
    before: Delivery | None,
) -> HeaderMatch:
    """Return how the fields fit, or refuse the file."""
    contract = job.contract
    if text.rows and not objects:
        raise UnreadableFileError(*_no_json_lines(contract, text))

    def sample(title: str) -> set[str]:
        found = (_at(each, fields[title]) for each in objects)
        return {str(value) for value in found if value is not None}

    is_whole = text.rows <= SAMPLE_SIZE
    match = match_fields(
        contract,
        list(fields),
        likeness_to(job, sample, before),
        is_there=lambda title: not is_whole and _is_in(text.path, title),
        is_empty=not text.rows,
    )
    outcome.drift = match.drift
    if match.breaking:
        raise UnreadableFileError(*refusal(match.breaking))
    # A field that only later lines have is read by its declared path.
    late = {
        contract.columns[name].name_in_file: name
        for name in contract.columns
        if name not in match.given
    }
    for title in late:
        fields.setdefault(title, tuple(title.split(".")))
    known = dict(zip(fields, match.columns, strict=False)) | late
    return HeaderMatch(tuple(known.get(title) for title in fields), match.drift)


def _no_json_lines(contract: SourceTable, text: TextFile) -> tuple[str, str]:
    start = next(Scanner.of(contract).records(text, [1], largest=MOST_RAW_BYTES), b"").lstrip()
    if start.startswith(b"["):
        return (
            "it is one JSON list, but JSON Lines have one object a line",
            "Export it as JSON Lines, or turn it into them: jq -c '.[]'",
        )
    if start.startswith(b"{"):
        return (
            "its objects span several lines, but JSON Lines have one object a line",
            "Export it as JSON Lines, or turn it into them: jq -c .",
        )
    return (
        "its lines are no JSON objects, but the contract says format: jsonl",
        f"Change `format:` at {contract.where('format')}, probably to csv.",
    )


def _first_objects(contract: SourceTable, text: TextFile) -> list[dict[str, Any]]:
    numbers = range(1, min(SAMPLE_SIZE, text.rows) + 1)
    raw = Scanner.of(contract).records(text, numbers, largest=MOST_RAW_BYTES)
    found = (_object(line.decode("utf-8", "replace")) for line in raw)
    return [each for each in found if each is not None]


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _fields(objects: Sequence[dict[str, Any]]) -> dict[str, Path_]:
    """Return the fields of objects by dotted path, in the order they come up."""
    fields: dict[str, Path_] = {}
    for each in objects:
        for path in _paths(each):
            title = ".".join(path)
            # A key that has the dot in its name is nearer than a nested one.
            if title not in fields or len(path) < len(fields[title]):
                fields[title] = path
    return fields


def _paths(value: dict[str, Any], base: Path_ = ()) -> Iterator[Path_]:
    for key, inner in value.items():
        yield (*base, key)
        if isinstance(inner, dict) and len(base) < _DEEPEST:
            yield from _paths(inner, (*base, key))


def _at(value: Any, path: Path_) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_in(path: Path, title: str) -> bool:
    """Return whether a field's name stands anywhere in a file."""
    wanted = json.dumps(title.rsplit(".", 1)[-1], ensure_ascii=False).encode("utf-8", "replace")
    tail = b""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if wanted in tail + block:
                return True
            tail = block[-len(wanted) :]
    return False
