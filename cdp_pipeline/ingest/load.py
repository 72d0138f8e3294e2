"""Loading landed files: each becomes typed rows, rejected records, and a ledger entry.

Belongs here: what is new, what was loaded before, what is written in which order, and what becomes
of a file that cannot be read. How files are read stands in ``csv_files`` and ``parquet_files``.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import duckdb

from cdp_pipeline.errors import CdpError
from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.csv_files import read_csv
from cdp_pipeline.ingest.deliveries import (
    Delivery,
    adopt_former,
    delivery_id,
    loaded_file,
    read_deliveries,
    rejected_file,
    table_folder,
    write_sidecar,
)
from cdp_pipeline.ingest.jobs import Job, Limits, Outcome
from cdp_pipeline.ingest.json_files import read_jsonl
from cdp_pipeline.ingest.judging import check_acceptance
from cdp_pipeline.ingest.landing import HashCache, LandedFile, discover, natural_order
from cdp_pipeline.ingest.parquet_files import read_parquet
from cdp_pipeline.ingest.plain_text import UnreadableFileError, counted_records

_REFUSED_SAMPLE = 1_000
_SAME_TIME_NS = 1_000_000_000
_READERS = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet}


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
    warnings : tuple of str
        What looks as if it was not meant, without being wrong.
    """

    contract: SourceTable
    new: tuple[Delivery, ...]
    skipped: tuple[LandedFile, ...]
    deliveries: tuple[Delivery, ...]
    warnings: tuple[str, ...] = ()


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
    adopt_former(contract, store)
    folder = table_folder(contract, store)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    cache = HashCache.open(folder / ".hashes.cache")
    landed = discover(contract, landing, cache=cache)
    cache.save()
    ledger = read_deliveries(contract, store)
    batch = max((d.batch for d in ledger), default=0) + 1
    new: list[Delivery] = []
    waiting = [file for file in landed if file.status != "ready"]
    earlier = ledger
    for file in landed:
        if file.status != "ready" or _is_known(contract, file, ledger):
            continue
        try:
            made = _take_in(contract, file, ledger, batch, store=store, spill=spill, limits=limits)
        except _GoneError as gone:
            waiting.append(replace(file, status="unstable", reason=str(gone)))
            continue
        ledger = [*_superseded_removed(contract, made, ledger, store), made]
        new.append(made)
    return LoadReport(
        contract,
        tuple(new),
        tuple(waiting),
        tuple(read_deliveries(contract, store)),
        tuple(_warnings(contract, landed, new, earlier)),
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
    job = Job(contract, file, delivery_id(contract, file.sha256), store, limits or Limits())
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


class _GoneError(Exception):
    """A file that was there when it was looked for, and cannot be read any more."""


def _warnings(
    contract: SourceTable,
    landed: Sequence[LandedFile],
    new: Sequence[Delivery],
    earlier: Sequence[Delivery],
) -> Iterator[str]:
    """Yield where the order of names, which counts, is not the order of time."""
    if contract.delivery != "snapshot":
        return
    accepted = [d.file for d in new if d.status != "refused"]
    written = {file.name: file.state[1] for file in landed}
    how_to = "Put the day into names as 2026-09-30."
    if len(accepted) > 1:
        last, latest = accepted[-1], max(accepted, key=lambda name: written.get(name, 0))
        if written.get(latest, 0) - written.get(last, 0) > _SAME_TIME_NS:
            yield (
                f"{last} counts as the newest snapshot by its name, but {latest} was written"
                f" later. {how_to}"
            )
    before = [d for d in earlier if d.status != "refused"]
    if accepted and before and natural_order(accepted[-1]) < natural_order(before[-1].file):
        yield (
            f"{accepted[-1]} landed after {before[-1].file} and counts as the newest snapshot,"
            f" but its name comes before. {how_to}"
        )


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


def _outcome(job: Job, work: Path, before: Delivery | None) -> Outcome:
    """Read the file; whatever is wrong with it becomes a refusal."""
    outcome = Outcome()
    try:
        _READERS[job.contract.format](job, work, outcome, before)
        check_acceptance(job.contract, outcome, before)
        if not job.file.is_unchanged():
            raise UnreadableFileError(
                "it changed while it was being loaded", "It is loaded when it is stable."
            )
    except UnreadableFileError as error:
        outcome.refusal, outcome.hint = error.reason, error.hint
        outcome.delivered = outcome.delivered or counted_records(job.contract, job.file.path)
    except OSError as error:
        if error.errno is not None or not job.file.is_unchanged():
            _refuse_to_guess(job, error)
        outcome.refusal, outcome.hint = _unforeseen(job, error)
    except MemoryError:
        raise _out_of_memory(job) from None
    except duckdb.OutOfMemoryException:
        raise _out_of_memory(job) from None
    except duckdb.IOException as error:
        _refuse_to_guess(job, error)
    except CdpError:
        raise
    except Exception as error:
        outcome.refusal, outcome.hint = _unforeseen(job, error)
    return outcome


def _unforeseen(job: Job, error: Exception) -> tuple[str, str]:
    """Return reason and hint of a file that nothing foresaw.

    What the engine, or anything else that looked at values, says of them may quote them.
    """
    return (
        f"it cannot be read as {job.contract.format} ({type(error).__name__})",
        f"Check format, delimiter, quote and encoding at {job.contract.where('format')}.",
    )


def _out_of_memory(job: Job) -> CdpError:
    return CdpError(
        f"{job.contract.name}: loading {job.file.name} needs more than"
        f" {job.limits.memory_gb:g} GB of memory and spill space.",
        "Raise memory_limit_gb, or deliver the file in parts.",
    )


def _refuse_to_guess(job: Job, error: Exception) -> NoReturn:
    """Tell a file that is gone, which waits, from a machine that cannot write."""
    if not job.file.is_unchanged():
        raise _GoneError("it changed or was removed while it was read") from None
    if isinstance(error, PermissionError) and not os.access(job.file.path, os.R_OK):
        raise _GoneError("there is no permission to read it") from None
    raise CdpError(
        f"{job.contract.name}: {job.file.name} could not be read, or its rows not written.",
        "Is the disk full, or was the file removed meanwhile?",
    ) from None


def _write(job: Job, made: Delivery, outcome: Outcome, folder: Path) -> None:
    """Put everything in place; the sidecar comes last and makes it count."""
    if made.status == "refused":
        job.target.unlink(missing_ok=True)
    if outcome.rejects:
        _write_rejects(job, outcome, is_sample=made.status == "refused")
    if made.status == "loaded":
        job.target.replace(loaded_file(job.contract, job.store, job.id))
    write_sidecar(made, folder)


def _write_rejects(job: Job, outcome: Outcome, *, is_sample: bool) -> None:
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
