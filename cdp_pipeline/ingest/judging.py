"""Which of the rows written count: bad values, duplicate keys, record numbers, acceptance.

Belongs here: everything decided after a file's rows are typed, for CSV and Parquet alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

import duckdb.func
import numpy as np
import numpy.typing as npt

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import Delivery
from cdp_pipeline.ingest.diagnosis import Form, diagnose
from cdp_pipeline.ingest.drift import Drift, values_changed
from cdp_pipeline.ingest.jobs import Job, Outcome, Reject
from cdp_pipeline.ingest.plain_text import UnreadableFileError
from cdp_pipeline.ingest.typed_rows import (
    NUL_PROBLEM,
    PARQUET_OPTIONS,
    SHAPE_PROBLEM,
    rewritten,
    stored,
)
from cdp_pipeline.ingest.values import reason, repair_hint
from cdp_pipeline.warehouse.engine import Connection, identifier, literal

_MOST_EXCEPTIONS = 5_000
_LEAST_TO_SHRINK = 20
_MOST_OF_A_COLUMN = 0.5
_HASH_IN_MEMORY = 50_000_000
Numbers = npt.NDArray[np.int64]
_Repeats = Literal["the same", "an older version", "another"]
"""What a row is beside the row with its key that was kept."""


def check_acceptance(contract: SourceTable, outcome: Outcome, before: Delivery | None) -> None:
    """Refuse a delivery with too many bad records, or an empty one that would remove everything."""
    bad = Counter(
        (reject.column, reject.reason)
        for reject in outcome.rejects.values()
        if not reject.is_harmless
    )
    share = bad.total() / outcome.delivered if outcome.delivered else 0.0
    forms = diagnose(contract, outcome)
    if share > contract.max_rejected_share:
        outcome.drift += tuple(_changed_types(contract, bad, outcome.delivered, forms))
        most = "; ".join(
            f"{column + ': ' if column else ''}{why}"
            f"{f'; most of the values {forms[column][0]}' if column in forms else ''}"
            f" ({count} records)"
            for (column, why), count in bad.most_common(3)
        )
        (column, why), _ = bad.most_common(1)[0]
        hint = (
            "See sources.rejected_rows for examples. Mend the source, the contract at"
            f" {contract.where()}, or its max_rejected_share."
        )
        if column in forms:
            hint = forms[column][1]
        elif why == f"not valid {contract.encoding}":
            hint = f"Check encoding at {contract.where('encoding')}: latin-1 or cp1252?"
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
    _refuse_shrunken(contract, outcome, before)


def _changed_types(
    contract: SourceTable,
    bad: Mapping[tuple[str, str], int],
    delivered: int,
    forms: Mapping[str, Form],
) -> Iterator[Drift]:
    """Yield the columns of a refused text file whose values are of another type than before.

    Most of them were not taken; a few bad values are mistakes in the source.
    """
    for (column, why), count in bad.items():
        if column not in contract.columns or why.startswith(("missing", "duplicate")):
            continue
        if count >= _MOST_OF_A_COLUMN * delivered:
            found = f"{why}; most {forms[column][0]}" if column in forms else why
            yield values_changed(contract, column, found, f"{count} of {delivered} records")


def _refuse_shrunken(contract: SourceTable, outcome: Outcome, before: Delivery | None) -> None:
    """Refuse a snapshot that would remove a large share of the rows: it was probably cut off."""
    if contract.delivery != "snapshot" or before is None or contract.allow_empty:
        return
    if before.rows_delivered < _LEAST_TO_SHRINK:
        return  # a handful of stores may well be halved
    gone = 1 - outcome.delivered / before.rows_delivered
    if gone > contract.max_shrink_share:
        raise UnreadableFileError(
            f"it has {outcome.delivered} records where the snapshot before had"
            f" {before.rows_delivered} ({gone:.0%} fewer, at most"
            f" {contract.max_shrink_share:.0%} are allowed): was it cut off?",
            f"If so many are gone for good, raise max_shrink_share at {contract.where()}.",
        )


def judge_rows(
    con: Connection, job: Job, outcome: Outcome, rows: int, shapes: Mapping[int, Reject]
) -> None:
    """Find bad and duplicate rows among those written, and settle the record numbers."""
    contract = job.contract
    numbers = sorted(shapes)
    gaps = np.asarray([n - 1 - i for i, n in enumerate(numbers)], dtype=np.int64)
    problems = con.execute(
        f"select file_row_number, _problem from {stored(job.target)} where _problem is not null"
    ).fetchall()
    duplicates = _duplicates(con, job, rows)
    outcome.rejects = dict(shapes)
    for row, code in problems:
        outcome.rejects[_number(gaps, row)] = _reject_for(contract, int(code))
    for row, repeats in duplicates.items():
        outcome.rejects[_number(gaps, row)] = _duplicate_reject(contract, repeats)
    outcome.loaded = rows - len(problems) - len(duplicates)
    outcome.has_problem_rows = bool(problems)
    if len(gaps) + len(duplicates) > _MOST_EXCEPTIONS:
        _number_rows(con, job, gaps, duplicates)
        outcome.has_record_numbers, outcome.has_problem_rows = True, False
    else:
        outcome.row_gaps = tuple(gaps.tolist())
        outcome.dropped_rows = tuple(sorted(duplicates))


def _number(gaps: Numbers, row: int) -> int:
    """Return the record number of a row: rows before it, and records that are not rows."""
    return row + 1 + int(np.searchsorted(gaps, row, side="right"))


def _reject_for(contract: SourceTable, code: int) -> Reject:
    if code == NUL_PROBLEM:
        return Reject("", "a NUL byte in a text value", "Was the file damaged? Deliver it again.")
    if code == SHAPE_PROBLEM:
        hint = "Each line is one object, as in {...}. Mend the line and deliver again."
        return Reject("", "not a JSON object", hint)
    name = list(contract.columns)[(code - 1) // 2]
    column = contract.columns[name]
    if code % 2:
        hint = f"Fill it in the source, or change key or required at {contract.where()}."
        return Reject(name, "missing: a row needs a value here", hint)
    return Reject(name, reason(column, contract), repair_hint(column, contract))


def _duplicate_reject(contract: SourceTable, repeats: _Repeats) -> Reject:
    column = ", ".join(contract.key)
    if repeats == "the same":
        return Reject(column, "duplicate key: the same row again", "Nothing to do.", True)
    if repeats == "an older version":
        reason = f"duplicate key: a row with a later {contract.changed_at} was kept"
        return Reject(column, reason, "Nothing to do.", True)
    here = contract.where("key")
    hint = f"Is {column} really the key? See {here}."
    if contract.delivery == "delta" and contract.changed_at is None:
        hint += (
            f" If rows are versions, name the column that tells the newest: changed_at at {here}."
        )
    return Reject(column, "duplicate key: another row with this key was kept", hint)


def _duplicates(con: Connection, job: Job, rows: int) -> dict[int, _Repeats]:
    """Return the rows that repeat a key and lose, and what they are beside the one that is kept.

    Of the rows with one key the latest by `changed_at` is kept, then the greatest by content. In a
    delta, a row with an earlier `changed_at` is a version that is past, and no mistake.
    """
    contract = job.contract
    key = ", ".join(identifier(name) for name in contract.key)
    good = f"{stored(job.target)} where _problem is null"
    repeated = _repeated_hashes(con, f"select hash({key}) as h from {good}", rows)
    if len(repeated) == 0:
        return {}
    import pyarrow as pa

    con.register("repeated", pa.table({"h": pa.array(repeated, type=pa.uint64())}))
    content = ", ".join(f"{identifier(name)} desc nulls last" for name in contract.columns)
    every = ", ".join(identifier(name) for name in contract.columns)
    changed, is_past = "", "false"
    if contract.changed_at is not None:
        changed = f"{identifier(contract.changed_at)} desc nulls last, "
        if contract.delivery == "delta":
            at = identifier(contract.changed_at)
            is_past = f"{at} < max({at}) over (partition by {key})"
    found = con.execute(
        "select file_row_number, again > 1, coalesce(is_past, false) from (select file_row_number,"
        f" row_number() over (partition by {key} order by {changed}{content}, file_row_number)"
        f" as place, row_number() over (partition by {every} order by file_row_number) as again,"
        f" {is_past} as is_past"
        f" from {good} and hash({key}) in (select h from repeated)) where place > 1"
    ).fetchall()
    return {
        int(row): "the same" if is_same else "an older version" if is_older else "another"
        for row, is_same, is_older in found
    }


def _repeated_hashes(con: Connection, query: str, rows: int) -> npt.NDArray[np.uint64]:
    """Return the hashes that occur more than once; nearly always none.

    Sorting the hashes costs a fifth of counting distinct keys.
    """
    if rows > _HASH_IN_MEMORY:
        found = con.execute(f"select h from ({query}) group by h having count(*) > 1").fetchall()
        return np.asarray([row[0] for row in found], dtype=np.uint64)
    hashes: npt.NDArray[np.uint64] = np.sort(np.asarray(con.execute(query).fetchnumpy()["h"]))
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _number_rows(con: Connection, job: Job, gaps: Numbers, duplicates: Collection[int]) -> None:
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
    target = rewritten(job.target)
    con.execute(
        f"copy (select {wanted}, numbered(file_row_number) as _record_number,"
        f" cast(null as usmallint) as _problem from {stored(job.target)}"
        " where _problem is null and file_row_number not in (select r from dropped)"
        f" order by file_row_number) to {literal(target)} {PARQUET_OPTIONS}"
    ).fetchall()
    target.replace(job.target)
