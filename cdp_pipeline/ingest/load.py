"""Loading one delivery: a landed file becomes typed rows, rejected records, and a ledger entry.

Belongs here: the passes over a file, the row accounting, and what is written in which order. How
values are parsed stands in ``values``, what may differ in the header in ``drift``, how bytes
become records in ``text_files``.

A CSV file is read once, as text; every value is parsed in the same pass straight into Parquet,
where a row with a bad value is marked rather than removed, so that no second pass is needed. What
was loaded and what was rejected must together be the records that ``text_files`` counted.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import duckdb.func
import numpy as np
import numpy.typing as npt

from cdp_pipeline.errors import CdpError
from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import (
    Delivery,
    delivery_id,
    loaded_file,
    read_deliveries,
    rejected_file,
    table_folder,
    write_sidecar,
)
from cdp_pipeline.ingest.drift import (
    Drift,
    HeaderMatch,
    Likeness,
    delimiter_hint,
    match_header,
    type_change,
)
from cdp_pipeline.ingest.landing import HashCache, LandedFile, discover
from cdp_pipeline.ingest.text_files import (
    Scanner,
    TextFile,
    UnreadableFileError,
    header_names,
    prepare,
    split_record,
)
from cdp_pipeline.ingest.values import Parsed, parse_text, parse_typed, reason, repair_hint
from cdp_pipeline.warehouse.engine import Connection, identifier, literal, sealed_connection

_NUL_PROBLEM = 65_535
_MOST_EXCEPTIONS = 5_000
_MOST_RAW_BYTES = 1 << 16
_REFUSED_SAMPLE = 1_000
_SAMPLE = 10_000
_HASH_IN_MEMORY = 50_000_000
_SPLIT = "wrong number of values"
_SHAPES = {
    "MISSING COLUMNS": "fewer values than the header has columns",
    "TOO MANY COLUMNS": "more values than the header has columns",
    "INVALID ENCODING": "not valid utf-8",
    "INVALID UNICODE": "not valid utf-8",
    "LINE SIZE OVER MAXIMUM": "longer than 2 MB",
}
# Version 2 encodings are smaller and a tenth quicker to write; pyarrow, pandas and Spark read them.
_PARQUET = (
    "(format parquet, parquet_version v2, compression zstd, compression_level 1,"
    " use_tmp_file false)"
)

Numbers = npt.NDArray[np.int64]
Sample = Callable[[str], set[str]]
"""The first values of a file's column, by its header."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What loading may use.

    Attributes
    ----------
    threads : int
        Threads of the engine.
    memory_gb : float
        Memory of the engine before it spills, in GB.
    expanded_gb : float
        What a compressed file may unpack to, in GB.
    """

    threads: int = 2
    memory_gb: float = 4.0
    expanded_gb: float = 64.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a look at the landing folder did for one source table.

    Attributes
    ----------
    contract : SourceTable
    new : tuple of Delivery
        What was loaded, refused, or found to be loaded already, this time.
    skipped : tuple of LandedFile
        Files that were not looked into, with the reason.
    deliveries : tuple of Delivery
        The whole ledger of the table, in the order of landing.
    """

    contract: SourceTable
    new: tuple[Delivery, ...]
    skipped: tuple[LandedFile, ...]
    deliveries: tuple[Delivery, ...]


def load_source(
    contract: SourceTable,
    landing: Path,
    store: Path,
    *,
    spill: Path,
    limits: Limits | None = None,
) -> LoadReport:
    """Load everything that has landed for a source table and was not loaded before.

    Parameters
    ----------
    contract : SourceTable
    landing : Path
        The home's landing folder.
    store : Path
        Folder of the loaded deliveries, one folder per table below it.
    spill : Path
        Folder for what does not fit in memory, and for unpacked copies.
    limits : Limits, optional
    """
    folder = table_folder(contract, store)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    cache = HashCache.open(folder / ".hashes.cache")
    landed = discover(contract, landing, cache=cache)
    cache.save()
    ledger = read_deliveries(contract, store)
    batch = max((d.batch for d in ledger), default=0) + 1
    new = []
    for file in landed:
        if file.status != "ready" or _is_known(contract, file, ledger):
            continue
        made = _take_in(contract, file, ledger, batch, store=store, spill=spill, limits=limits)
        ledger = [*_superseded_removed(contract, made, ledger, store), made]
        new.append(made)
    return LoadReport(
        contract,
        tuple(new),
        tuple(file for file in landed if file.status != "ready"),
        tuple(read_deliveries(contract, store)),
    )


def load_delivery(
    contract: SourceTable,
    file: LandedFile,
    *,
    store: Path,
    spill: Path,
    sequence: int = 1,
    batch: int = 1,
    before: Delivery | None = None,
    limits: Limits | None = None,
) -> Delivery:
    """Load one landed file, or refuse it as a whole.

    Parameters
    ----------
    contract : SourceTable
    file : LandedFile
        A ready one.
    store, spill : Path
        As for `load_source`.
    sequence, batch : int
        Its place in the order of landing.
    before : Delivery, optional
        The last loaded delivery of the table.
    limits : Limits, optional

    Raises
    ------
    CdpError
        If the machine, not the file, is at fault: no memory, no disk.
    """
    started = time.perf_counter()
    folder = table_folder(contract, store)
    folder.mkdir(parents=True, exist_ok=True)
    job = _Job(contract, file, delivery_id(contract, file.sha256), store, limits or Limits())
    with _work_folder(spill, job.id) as work:
        outcome = _outcome(job, work, before)
        made = Delivery(
            delivery=job.id,
            source_table=contract.name,
            file=file.name,
            sha256=file.sha256,
            bytes=file.size,
            status="refused" if outcome.refusal else "loaded",
            rows_delivered=outcome.delivered,
            rows_loaded=0 if outcome.refusal else outcome.loaded,
            rows_rejected=0 if outcome.refusal else len(outcome.rejects),
            sequence=sequence,
            batch=batch,
            reading=contract.acceptance_hash() if outcome.refusal else contract.reading_hash(),
            drift=outcome.drift,
            reason=outcome.refusal,
            hint=outcome.hint,
            seconds=round(time.perf_counter() - started, 3),
            loaded_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            columns={name: column.type for name, column in contract.columns.items()},
            has_problem_rows=outcome.has_problem_rows,
            has_record_numbers=outcome.has_record_numbers,
            row_gaps=outcome.row_gaps,
            dropped_rows=outcome.dropped_rows,
        )
        _write(job, made, outcome, folder)
    return made


@dataclass(frozen=True, slots=True)
class _Job:
    contract: SourceTable
    file: LandedFile
    id: str
    store: Path
    limits: Limits

    @property
    def target(self) -> Path:
        """Where the rows are written before they count."""
        final = loaded_file(self.contract, self.store, self.id)
        return final.with_name(f".{final.name}.{os.getpid()}.tmp")


@dataclass(frozen=True, slots=True)
class _Reject:
    """Why one record was not loaded."""

    column: str
    reason: str
    hint: str
    is_harmless: bool = False


@dataclass
class _Outcome:
    """What came of reading a file; `refusal` is empty if it can be loaded."""

    delivered: int = 0
    loaded: int = 0
    rejects: dict[int, _Reject] = field(default_factory=dict)
    raw_texts: dict[int, str] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    refusal: str = ""
    hint: str = ""
    has_problem_rows: bool = False
    has_record_numbers: bool = False
    row_gaps: tuple[int, ...] = ()
    dropped_rows: tuple[int, ...] = ()


def _is_known(contract: SourceTable, file: LandedFile, ledger: Sequence[Delivery]) -> bool:
    """Return whether this very file was dealt with under this very contract."""
    made = delivery_id(contract, file.sha256)
    return any(
        known.delivery == made
        and known.file == file.name
        and (known.status != "refused" or known.reading == contract.acceptance_hash())
        for known in ledger
    )


def _take_in(
    contract: SourceTable,
    file: LandedFile,
    ledger: Sequence[Delivery],
    batch: int,
    *,
    store: Path,
    spill: Path,
    limits: Limits | None,
) -> Delivery:
    """Load a file, or note that its content is loaded already."""
    made = delivery_id(contract, file.sha256)
    again = next((d for d in ledger if d.sha256 == file.sha256 and d.file == file.name), None)
    # Read anew under a changed contract, a file keeps its place in the order of landing.
    sequence = again.sequence if again else max((d.sequence for d in ledger), default=0) + 1
    batch = again.batch if again else batch
    loaded = next((d for d in ledger if d.delivery == made and d.status == "loaded"), None)
    if loaded is not None:
        repeated = replace(
            loaded,
            file=file.name,
            status="already_loaded",
            sequence=sequence,
            batch=batch,
            rows_loaded=0,
            rows_rejected=0,
            drift=(),
            reason=f"the same content as {loaded.file}",
            seconds=0.0,
            loaded_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        )
        write_sidecar(repeated, table_folder(contract, store))
        return repeated
    earlier = [d for d in ledger if d.status == "loaded" and d.sequence < sequence]
    return load_delivery(
        contract,
        file,
        store=store,
        spill=spill,
        sequence=sequence,
        batch=batch,
        before=earlier[-1] if earlier else None,
        limits=limits,
    )


def _superseded_removed(
    contract: SourceTable, made: Delivery, ledger: Sequence[Delivery], store: Path
) -> list[Delivery]:
    """Remove what an earlier reading of the same file left, now that there is a better one."""
    kept = []
    folder = table_folder(contract, store)
    for known in ledger:
        is_same = known.sha256 == made.sha256 and known.file == made.file
        is_replaced = made.status != "refused" or known.status == "refused"
        if not (is_same and is_replaced and known != made):
            kept.append(known)
            continue
        if known.sidecar_name() != made.sidecar_name():
            (folder / known.sidecar_name()).unlink(missing_ok=True)
        if known.delivery != made.delivery:
            loaded_file(contract, store, known.delivery).unlink(missing_ok=True)
            rejected_file(contract, store, known.delivery).unlink(missing_ok=True)
    return kept


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left: temporary files, and rows without a ledger entry."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)
    counted = {path.name.split(".")[0].split("-")[0] for path in folder.glob("*.json")}
    for path in folder.glob("*.parquet"):
        if path.name.split(".")[0] not in counted:
            path.unlink(missing_ok=True)


@contextmanager
def _work_folder(spill: Path, name: str) -> Iterator[Path]:
    work = spill / f"load-{name}-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _outcome(job: _Job, work: Path, before: Delivery | None) -> _Outcome:
    """Read the file; whatever is wrong with it becomes a refusal."""
    outcome = _Outcome()
    try:
        read = _read_parquet if job.contract.format == "parquet" else _read_csv
        read(job, work, outcome, before)
        _check_acceptance(job.contract, outcome, before)
        if not job.file.is_unchanged():
            raise UnreadableFileError(
                "it changed while it was being loaded", "It is loaded when it is stable."
            )
    except UnreadableFileError as error:
        outcome.refusal, outcome.hint = error.reason, error.hint
    except duckdb.OutOfMemoryException:
        raise CdpError(
            f"{job.contract.name}: loading {job.file.name} needs more than"
            f" {job.limits.memory_gb:g} GB of memory and spill space.",
            "Raise memory_limit_gb, or deliver the file in parts.",
        ) from None
    except duckdb.IOException:
        raise CdpError(
            f"{job.contract.name}: {job.file.name} could not be read, or its rows not written.",
            "Is the disk full, or was the file removed meanwhile?",
        ) from None
    except duckdb.Error as error:
        # The engine's own words may quote values.
        outcome.refusal = f"it cannot be read as {job.contract.format} ({type(error).__name__})"
        outcome.hint = (
            f"Check format, delimiter, quote and encoding at {job.contract.where('format')}."
        )
    return outcome


def _check_acceptance(contract: SourceTable, outcome: _Outcome, before: Delivery | None) -> None:
    """Refuse a delivery with too many bad records, or an empty one that would remove everything."""
    bad = Counter(
        (reject.column, reject.reason)
        for reject in outcome.rejects.values()
        if not reject.is_harmless
    )
    share = bad.total() / outcome.delivered if outcome.delivered else 0.0
    if share > contract.max_rejected_share:
        most = "; ".join(
            f"{column + ': ' if column else ''}{why} ({count} records)"
            for (column, why), count in bad.most_common(3)
        )
        hint = (
            f"Check encoding at {contract.where('encoding')}: latin-1 or cp1252?"
            if bad.most_common(1)[0][0][1] == _SHAPES["INVALID ENCODING"]
            else "See sources.rejected_rows for examples. Mend the source, the contract at"
            f" {contract.where()}, or its max_rejected_share."
        )
        raise UnreadableFileError(
            f"{bad.total()} of {outcome.delivered} records are bad ({share:.0%}, at most"
            f" {contract.max_rejected_share:.0%} are allowed): {most}",
            hint,
        )
    is_emptying = contract.delivery == "snapshot" and outcome.loaded == 0
    if is_emptying and before is not None and before.rows_loaded and not contract.allow_empty:
        raise UnreadableFileError(
            f"it has no rows, where the snapshot before had {before.rows_loaded}",
            f"If the table really is empty now, set allow_empty: true at {contract.where()}.",
        )


def _read_csv(job: _Job, work: Path, outcome: _Outcome, before: Delivery | None) -> None:
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
    match = _matched(job, text, outcome, _sampled_csv(contract, text), before)
    _refuse_swallowed(contract, text, match)
    link = work / "delivery.csv"
    # The engine expands wildcards in a path; this name has none.
    link.symlink_to(text.path.resolve())
    source, raws = _csv_source(contract, link, match)
    with _connection(job, work, [link]) as con:
        columns = {
            name: (
                raws.get(name, "null::varchar"),
                parse_text(column, contract, may_have_underscores=survey.has_underscore),
            )
            for name, column in contract.columns.items()
        }
        rows = _copy(con, job, source, columns, has_nul=survey.has_nul)
        shapes = _wrong_shapes(con, contract, text)
        if rows + len(shapes) != outcome.delivered:
            raise UnreadableFileError(
                f"{outcome.delivered} records were counted but {rows + len(shapes)} parsed:"
                " its quoting is ambiguous",
                f"Ask the owner, {contract.owner}, for a file whose values are quoted alike.",
            )
        _judge_rows(con, job, outcome, rows, shapes)
    _fetch_raw_texts(contract, text, outcome)


def _matched(
    job: _Job, text: TextFile, outcome: _Outcome, sample: Sample, before: Delivery | None
) -> HeaderMatch:
    """Return how the header fits, or refuse the file."""
    contract = job.contract
    header = header_names(contract, text)
    match = match_header(contract, header, _likeness(job, sample, before))
    outcome.drift = match.drift
    if match.breaking:
        joined = contract.delimiter.join(header)
        others = [d for d in (",", ";", "\t", "|") if d != contract.delimiter]
        splits = {d: split_record(contract, joined, d) for d in others}
        if (wrong := delimiter_hint(contract, header, splits)) is not None:
            raise UnreadableFileError(*wrong)
        _refuse(match.breaking)
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
    numbers = sorted(set(scanner.like_several_records(text, width)))[:_SAMPLE]
    for number, raw in zip(
        numbers, scanner.records(text, numbers, largest=_MOST_RAW_BYTES), strict=True
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


_LOOKS_LIKE = {
    "integer": re.compile(r"[-+]?[\d., '\u00a0]+"),
    "decimal": re.compile(r"[-+]?[\d., '\u00a0]+"),
    "date": re.compile(r"[\w./ -]*\d[\w./ -]*"),
    "timestamp": re.compile(r"[\w.:+/ -]*\d[\w.:+/ -]*"),
}
"""What text of a kind looks like, loosely."""


def _sampled_csv(contract: SourceTable, text: TextFile) -> Sample:
    """Return a function that returns the first values of a file's column as text."""

    def sample(title: str) -> set[str]:
        numbers = range(min(_SAMPLE, text.survey.records))
        raw = Scanner.of(contract).records(text, numbers, largest=_MOST_RAW_BYTES)
        rows = [split_record(contract, record.decode("utf-8", "replace")) for record in raw]
        place = [name.strip("\ufeff") for name in rows[0]].index(title)
        return {row[place] for row in rows[1:] if len(row) > place and row[place]}

    return sample


def _likeness(job: _Job, sample: Sample, before: Delivery | None) -> Likeness | None:
    """Return how alike a file's column and the last delivery's are, by the values they share."""
    if before is None:
        return None
    import pyarrow.parquet as pq

    path = loaded_file(job.contract, job.store, before.delivery)

    def likeness(title: str, name: str) -> float:
        if name not in (before.columns or {}):
            return 0.0
        with pq.ParquetFile(path) as parquet:
            batches = parquet.iter_batches(batch_size=_SAMPLE, columns=[name])
            known = [str(v) for b in batches for v in b.column(0).to_pylist() if v is not None]
        found = sample(title)
        # Numbers and times are written another way in the file: compare their leading part.
        short = {value[:10] for value in known}
        return sum(value[:10] in short for value in found) / len(found) if found else 0.0

    return likeness


def _refuse(breaking: Sequence[Drift]) -> None:
    """Refuse a file for its drift."""
    raise UnreadableFileError(
        "; ".join(drift.message for drift in breaking), " ".join(drift.hint for drift in breaking)
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


def _read_parquet(job: _Job, work: Path, outcome: _Outcome, before: Delivery | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    contract = job.contract
    try:
        with pq.ParquetFile(job.file.path) as parquet:
            names, rows_said = list(parquet.schema_arrow.names), parquet.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError):
        raise UnreadableFileError(
            "it is not a whole Parquet file",
            f"Deliver it again, or change `format:` at {contract.where('format')}.",
        ) from None
    outcome.delivered = rows_said
    if rows_said > 1_000_000 and rows_said > 100 * job.file.size:
        raise UnreadableFileError(
            f"it says it has {rows_said} rows in {job.file.size} bytes, more than rows with"
            " different keys fit in",
            f"Ask the owner, {contract.owner}, what this file is.",
        )
    sample = _sampled_parquet(job.file.path)
    match = match_header(contract, names, _likeness(job, sample, before))
    outcome.drift = match.drift
    if match.breaking:
        _refuse(match.breaking)
    link = work / "delivery.parquet"
    link.symlink_to(job.file.path.resolve())
    source = f"read_parquet({literal(link)})"
    with _connection(job, work, [link]) as con:
        columns = _parquet_columns(con, contract, source, match)
        outcome.drift = (*match.drift, *columns.changed)
        if columns.changed:
            _refuse(columns.changed)
        rows = _copy(con, job, source, columns.parsed, has_nul=False)
        if rows != rows_said:
            raise UnreadableFileError(
                f"it says it has {rows_said} rows, but {rows} were read", "Deliver it again."
            )
        _judge_rows(con, job, outcome, rows, {})
        _fetch_raw_rows(con, source, outcome)


def _sampled_parquet(path: Path) -> Sample:
    """Return a function that returns the first values of a file's column as text."""
    import pyarrow.parquet as pq

    def sample(title: str) -> set[str]:
        with pq.ParquetFile(path) as parquet:
            first = next(parquet.iter_batches(batch_size=_SAMPLE, columns=[title]), None)
        values = [] if first is None else first.column(0).to_pylist()
        return {str(value) for value in values if value is not None}

    return sample


@dataclass(frozen=True, slots=True)
class _ParquetColumns:
    parsed: dict[str, tuple[str, Parsed]]
    changed: tuple[Drift, ...]


def _parquet_columns(
    con: Connection, contract: SourceTable, source: str, match: HeaderMatch
) -> _ParquetColumns:
    """Return how each contract column is made from a Parquet file's columns."""
    described = con.execute(f"describe select * from {source}").fetchall()
    types = {
        contract_name: (row[0], row[1])
        for contract_name, row in zip(match.columns, described, strict=True)
        if contract_name is not None
    }
    parsed: dict[str, tuple[str, Parsed]] = {}
    changed = []
    for name, column in contract.columns.items():
        if name not in types:
            parsed[name] = (f"cast(null as {column.type})", Parsed())
            continue
        raw = identifier(types[name][0])
        if types[name][1] in ("DOUBLE", "FLOAT"):
            # pandas turns integers with gaps into doubles, and the gaps into NaN. Compared as text:
            # Parquet's statistics leave NaN out, so DuckDB 2.0 folds isnan() to false over a file.
            raw = f"case when cast({raw} as varchar) <> 'nan' then {raw} end"
        made = parse_typed(column, contract, types[name][1])
        if made is None:
            changed.append(type_change(contract, name, types[name][1]))
        else:
            parsed[name] = (raw, made)
    return _ParquetColumns(parsed, tuple(changed))


@contextmanager
def _connection(job: _Job, work: Path, inputs: Sequence[Path]) -> Iterator[Connection]:
    """Open a database that sees the delivery and its target, and nothing else."""
    files = [*inputs, job.target, _rewritten(job.target)]
    with sealed_connection(
        files=files,
        spill=work / "spill",
        threads=job.limits.threads,
        memory_limit_gb=job.limits.memory_gb,
    ) as con:
        yield con


def _rewritten(target: Path) -> Path:
    return target.with_name(f"{target.name[:-4]}.numbered.tmp")


def _copy(
    con: Connection,
    job: _Job,
    source: str,
    columns: Mapping[str, tuple[str, Parsed]],
    *,
    has_nul: bool,
) -> int:
    """Write all rows of the right shape, typed and in the file's order; return how many."""
    contract = job.contract
    layer = source
    for depth in range(-1, max(len(parsed.steps) for _, parsed in columns.values())):
        layer = f"(select {', '.join(_layer(depth, columns))} from {layer})"
    problem = _problem_case(contract, columns, has_nul=has_nul)
    wanted = ", ".join(f"v{place} as {identifier(name)}" for place, name in enumerate(columns))
    return int(
        con.execute(
            f"copy (select {wanted}, {problem} as _problem from {layer})"
            f" to {literal(job.target)} {_PARQUET}"
        ).fetchall()[0][0]
    )


def _layer(depth: int, columns: Mapping[str, tuple[str, Parsed]]) -> Iterator[str]:
    """Yield the expressions of one step of all columns: raw ``r``, value ``v``, moment ``m``."""
    for place, (raw, parsed) in enumerate(columns.values()):
        if depth < 0:
            yield f"{raw} as r{place}"
            continue
        yield f"r{place}"
        words = {"raw": f"r{place}", "value": f"v{place}", "moment": f"m{place}"}
        step = parsed.steps[depth] if depth < len(parsed.steps) else "value"
        yield f"{_replaced(step, words)} as v{place}"
        if parsed.moment:
            yield f"{_replaced(parsed.moment, words)} as m{place}" if depth == 0 else f"m{place}"


def _replaced(expression: str, words: Mapping[str, str]) -> str:
    return re.sub(
        r"'(?:[^']|'')*'|\b(raw|value|moment)\b", lambda m: words.get(m[0], m[0]), expression
    )


def _problem_case(
    contract: SourceTable, columns: Mapping[str, tuple[str, Parsed]], *, has_nul: bool
) -> str:
    """Return an expression for the first thing wrong with a row; null if nothing is.

    Twice the column's place plus 1 is a missing value, plus 2 one that does not fit.
    """
    cases, nul_cases, checked = [], [], []
    for place, name in enumerate(columns):
        column, typed, raw = contract.columns[name], f"v{place}", f"r{place}"
        is_required = contract.is_required(name)
        if column.kind != "text":
            is_bad = f"{typed} is null and {raw} is not null"
            cases.append(
                f"when {is_bad} and trim(cast({raw} as varchar)) <> '' then {2 * place + 2}"
            )
        elif has_nul:
            nul_cases.append(f"when contains({typed}, chr(0)) then {_NUL_PROBLEM}")
        if is_required:
            cases.append(f"when {typed} is null then {2 * place + 1}")
        if is_required or column.kind != "text":
            checked.append(f"{typed} is null")
    # Nearly every row has a value everywhere; one test for that spares it the others.
    chosen = f"case when {' or '.join(checked)} then case {' '.join(cases)} end end"
    if nul_cases:
        chosen = f"coalesce({chosen}, case {' '.join(nul_cases)} end)"
    return f"cast({chosen} as usmallint)"


def _wrong_shapes(con: Connection, contract: SourceTable, text: TextFile) -> dict[int, _Reject]:
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
        int(line) - 1: _Reject("", _SHAPES[kind], hints.get(kind, default)) for line, kind in found
    }
    last = text.survey.records - 1
    if not text.survey.is_ended and last in shapes and shapes[last].reason.startswith("fewer"):
        raise UnreadableFileError(
            f"it ends in the middle of record {last}: cut off", "Deliver it again, whole."
        )
    return shapes


def _judge_rows(
    con: Connection, job: _Job, outcome: _Outcome, rows: int, shapes: Mapping[int, _Reject]
) -> None:
    """Find bad and duplicate rows among those written, and settle the record numbers."""
    contract = job.contract
    numbers = sorted(shapes)
    gaps = np.asarray([n - 1 - i for i, n in enumerate(numbers)], dtype=np.int64)
    problems = con.execute(
        f"select file_row_number, _problem from {_stored(job.target)} where _problem is not null"
    ).fetchall()
    duplicates = _duplicates(con, job, rows)
    outcome.rejects = dict(shapes)
    for row, code in problems:
        outcome.rejects[_number(gaps, row)] = _reject_for(contract, int(code))
    for row, is_same in duplicates.items():
        outcome.rejects[_number(gaps, row)] = _duplicate_reject(contract, is_same)
    outcome.loaded = rows - len(problems) - len(duplicates)
    outcome.has_problem_rows = bool(problems)
    if len(gaps) + len(duplicates) > _MOST_EXCEPTIONS:
        _number_rows(con, job, gaps, duplicates)
        outcome.has_record_numbers, outcome.has_problem_rows = True, False
    else:
        outcome.row_gaps = tuple(gaps.tolist())
        outcome.dropped_rows = tuple(sorted(duplicates))


def _stored(path: Path) -> str:
    return f"read_parquet({literal(path)}, file_row_number = true)"


def _number(gaps: Numbers, row: int) -> int:
    """Return the record number of a row: rows before it, and records that are not rows."""
    return row + 1 + int(np.searchsorted(gaps, row, side="right"))


def _reject_for(contract: SourceTable, code: int) -> _Reject:
    if code == _NUL_PROBLEM:
        return _Reject("", "a NUL byte in a text value", "Was the file damaged? Deliver it again.")
    name = list(contract.columns)[(code - 1) // 2]
    column = contract.columns[name]
    if code % 2:
        hint = f"Fill it in the source, or change key or required at {contract.where()}."
        return _Reject(name, "missing: a row needs a value here", hint)
    return _Reject(name, reason(column, contract), repair_hint(column, contract))


def _duplicate_reject(contract: SourceTable, is_same: bool) -> _Reject:
    column = ", ".join(contract.key)
    if is_same:
        return _Reject(column, "duplicate key: the same row again", "Nothing to do.", True)
    hint = f"Is {column} really the key? See {contract.where('key')}."
    return _Reject(column, "duplicate key: another row with this key was kept", hint)


def _duplicates(con: Connection, job: _Job, rows: int) -> dict[int, bool]:
    """Return the rows that repeat a key and lose, and whether they equal the one before them.

    Of the rows with one key the latest by `changed_at` is kept, then the greatest by content.
    """
    contract = job.contract
    key = ", ".join(identifier(name) for name in contract.key)
    good = f"{_stored(job.target)} where _problem is null"
    repeated = _repeated_hashes(con, f"select hash({key}) as h from {good}", rows)
    if len(repeated) == 0:
        return {}
    import pyarrow as pa

    con.register("repeated", pa.table({"h": pa.array(repeated, type=pa.uint64())}))
    content = ", ".join(f"{identifier(name)} desc nulls last" for name in contract.columns)
    every = ", ".join(identifier(name) for name in contract.columns)
    changed = f"{identifier(contract.changed_at)} desc nulls last, " if contract.changed_at else ""
    found = con.execute(
        f"select file_row_number, again > 1 from (select file_row_number,"
        f" row_number() over (partition by {key} order by {changed}{content}, file_row_number)"
        f" as place, row_number() over (partition by {every} order by file_row_number) as again"
        f" from {good} and hash({key}) in (select h from repeated)) where place > 1"
    ).fetchall()
    return {int(row): bool(is_same) for row, is_same in found}


def _repeated_hashes(con: Connection, query: str, rows: int) -> npt.NDArray[np.uint64]:
    """Return the hashes that occur more than once; nearly always none.

    Sorting the hashes costs a fifth of counting distinct keys.
    """
    if rows > _HASH_IN_MEMORY:
        found = con.execute(f"select h from ({query}) group by h having count(*) > 1").fetchall()
        return np.asarray([row[0] for row in found], dtype=np.uint64)
    hashes: npt.NDArray[np.uint64] = np.sort(np.asarray(con.execute(query).fetchnumpy()["h"]))
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _number_rows(con: Connection, job: _Job, gaps: Numbers, duplicates: Mapping[int, bool]) -> None:
    """Write the rows anew without the bad ones, each with its record number.

    Costs a second pass; a few exceptions are rather kept in the sidecar.
    """
    import pyarrow as pa

    def numbered(rows: Any) -> Any:
        place = rows.to_numpy(zero_copy_only=False).astype(np.int64)
        return pa.array(place + 1 + np.searchsorted(gaps, place, side="right"), type=pa.int64())

    con.create_function(
        "numbered", numbered, ["bigint"], "bigint", type=duckdb.func.PythonUDFType.ARROW
    )
    con.register("dropped", pa.table({"r": pa.array(sorted(duplicates), type=pa.int64())}))
    wanted = ", ".join(identifier(name) for name in job.contract.columns)
    rewritten = _rewritten(job.target)
    con.execute(
        f"copy (select {wanted}, numbered(file_row_number) as _record_number,"
        f" cast(null as usmallint) as _problem from {_stored(job.target)}"
        " where _problem is null and file_row_number not in (select r from dropped)"
        f" order by file_row_number) to {literal(rewritten)} {_PARQUET}"
    ).fetchall()
    rewritten.replace(job.target)


def _fetch_raw_texts(contract: SourceTable, text: TextFile, outcome: _Outcome) -> None:
    """Read the rejected records once more, as they stand in the file."""
    numbers = sorted(outcome.rejects)
    if not numbers:
        return
    raw = Scanner.of(contract).records(text, numbers, largest=_MOST_RAW_BYTES)
    outcome.raw_texts = {
        number: record.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
        for number, record in zip(numbers, raw, strict=True)
    }
    nothing = contract.delimiter + contract.quote + " \t"
    for number, record_text in outcome.raw_texts.items():
        if not record_text.strip(nothing):
            # Spreadsheets save rows that only look used.
            outcome.rejects[number] = _Reject("", "an empty record", "Nothing to do.", True)


def _fetch_raw_rows(con: Connection, source: str, outcome: _Outcome) -> None:
    """Read the rejected rows of a Parquet file once more, as JSON."""
    if not outcome.rejects:
        return
    import pyarrow as pa

    rows = pa.array([number - 1 for number in sorted(outcome.rejects)], type=pa.int64())
    con.register("rejected", pa.table({"r": rows}))
    numbered = source[:-1] + ", file_row_number = true)"
    found = con.execute(
        f"select file_row_number, cast(to_json(columns) as varchar) from (select file_row_number,"
        f" t as columns from {numbered} as t)"
        " where file_row_number in (select r from rejected)"
    ).fetchall()
    outcome.raw_texts = {int(row) + 1: text for row, text in found}


def _write(job: _Job, made: Delivery, outcome: _Outcome, folder: Path) -> None:
    """Put everything in place; the sidecar comes last and makes it count."""
    if made.status == "refused":
        job.target.unlink(missing_ok=True)
    if outcome.rejects:
        _write_rejects(job, outcome, is_sample=made.status == "refused")
    if made.status == "loaded":
        job.target.replace(loaded_file(job.contract, job.store, job.id))
    write_sidecar(made, folder)


def _write_rejects(job: _Job, outcome: _Outcome, *, is_sample: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = sorted(outcome.rejects)[: _REFUSED_SAMPLE if is_sample else None]
    rejects = [outcome.rejects[number] for number in numbers]
    text = pa.string()
    table = pa.table(
        {
            "source_table": pa.array([job.contract.name] * len(numbers), text),
            "file": pa.array([job.file.name] * len(numbers), text),
            "record_number": pa.array(numbers, pa.int64()),
            "column_name": pa.array([reject.column or None for reject in rejects], text),
            "reason": pa.array([reject.reason for reject in rejects], text),
            "raw_text": pa.array([outcome.raw_texts.get(n) for n in numbers], text),
            "repair_hint": pa.array([reject.hint for reject in rejects], text),
            "delivery": pa.array([job.id] * len(numbers), text),
        }
    )
    final = rejected_file(job.contract, job.store, job.id)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(final)
