"""Stewards' decisions on who is who, as they lie in ``data/decisions``.

Belongs here: the form of the files, reading them with an error for every row that cannot be
meant, and adding to them. Does not belong here: which decisions are obeyed (``identity``).

A decision names records by source and record id, which outlive customer ids. It may be several
rows with one ``decision_id`` (a merge of two customers names all their records) and is then obeyed
as a whole or not at all. What is read depends on what the files say, not on their names or order.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

_T = TypeVar("_T")

ALWAYS = "always_match"
NEVER = "never_match"
_WITHDRAW = "withdraw"
OWN_FILE = "decisions.csv"
COLUMNS = (
    "decision_id",
    "decision",
    "source",
    "record_id",
    "other_source",
    "other_record_id",
    "decided_by",
    "decided_at",
    "why",
    "valid_from",
    "valid_until",
    "overrides",
    "withdraws",
)
_WORDS = {
    **dict.fromkeys(("always_match", "always", "same", "merge", "samma"), ALWAYS),
    **dict.fromkeys(("never_match", "never", "different", "keep_apart", "olika"), NEVER),
    **dict.fromkeys(("withdraw", "withdrawn"), _WITHDRAW),
}
_YES = frozenset(("yes", "true", "1", "y", "ja", "j"))
_NO = frozenset(("", "no", "false", "0", "n", "nej"))
_ID = re.compile(r"d_[0-9a-z_]{1,40}")
_UNDATED = dt.datetime(1, 1, 1)  # noqa: DTZ001  times are UTC without a zone
# A spreadsheet's guard: an apostrophe before what it would take for a formula.
_GUARDED = re.compile(r"'[=+\-@\t\r]")

Key = tuple[str, str]


@dataclass(frozen=True)
class DecidedPair:
    """One pair of records that a decision is about; the smaller key is the first.

    Attributes
    ----------
    decision_id
        What its rows have in common.
    decision
        ``always_match`` or ``never_match``.
    overrides
        Whether it holds against older decisions and against the data that contradict it.
    withdrawal_id, withdrawn_at, withdrawn_why
        The later decision that takes it back.
    """

    decision_id: str
    decision: str
    source: str
    record_id: str
    other_source: str
    other_record_id: str
    decided_by: str | None
    decided_at: dt.datetime | None
    why: str
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None
    overrides: bool = False
    withdrawal_id: str | None = None
    withdrawn_at: dt.datetime | None = None
    withdrawn_why: str | None = None

    @property
    def keys(self) -> tuple[Key, Key]:
        """The two records."""
        return (self.source, self.record_id), (self.other_source, self.other_record_id)


@dataclass(frozen=True)
class RejectedDecision:
    """A row that is no decision: where it stands, why, and what to do."""

    file: str
    line: int
    reason: str
    hint: str


@dataclass(frozen=True)
class CustomerRow:
    """A row that names customers in place of records: it is rejected, unless it is made one."""

    line: int
    decision: str
    customer_id: str
    other_customer_id: str
    decided_by: str | None
    why: str


@dataclass(frozen=True)
class ReadDecisions:
    """What the files say.

    Attributes
    ----------
    pairs
        The decisions, ordered.
    rejected
        Rows that are none.
    undecided
        Rows of a review queue in which nobody has decided yet.
    of_customers
        Of the rejected rows, those that name customers in place of records.
    """

    pairs: tuple[DecidedPair, ...]
    rejected: tuple[RejectedDecision, ...]
    undecided: int
    of_customers: tuple[CustomerRow, ...] = ()


@dataclass(frozen=True)
class _Withdrawal:
    decision_id: str
    withdraws: str
    decided_at: dt.datetime | None
    why: str


class _RowError(Exception):
    def __init__(self, reason: str, hint: str, *, names_customers: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.names_customers = names_customers


def decisions_state(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file of decisions, to see whether one came or changed."""
    return {
        f"decisions/{file.relative_to(folder).as_posix()}": (
            file.stat().st_size,
            file.stat().st_mtime_ns,
        )
        for file in _files(folder)
    }


def read_decisions(folder: Path, renamed: Mapping[str, str] | None = None) -> ReadDecisions:
    """Read every ``*.csv`` of a folder.

    Parameters
    ----------
    folder
        One that does not exist holds no decisions.
    renamed
        Sources that were renamed, former name to new one.
    """
    texts = [(file.relative_to(folder).as_posix(), file.read_bytes()) for file in _files(folder)]
    return read_texts(texts, renamed)


def read_texts(
    files: Iterable[tuple[str, bytes]], renamed: Mapping[str, str] | None = None
) -> ReadDecisions:
    """Read decisions from files given as name and content."""
    found: dict[DecidedPair, tuple[str, int]] = {}
    withdrawals: list[tuple[_Withdrawal, str, int]] = []
    rejected: list[RejectedDecision] = []
    of_customers: list[CustomerRow] = []
    undecided = 0
    for name, content in sorted(files, key=lambda file: hashlib.sha256(file[1]).hexdigest()):
        for line, row in _rows(name, content, rejected):
            try:
                read = _read_row(row, renamed or {})
                if read is None:
                    undecided += 1
                elif isinstance(read, _Withdrawal):
                    withdrawals.append((read, name, line))
                else:
                    _refuse_twice(read, found)
                    found[read] = (name, line)
            except _RowError as error:
                rejected.append(RejectedDecision(name, line, error.reason, error.hint))
                if error.names_customers:
                    of_customers.append(_customer_row(line, row))
    pairs = _whole_decisions(found, rejected)
    pairs = _withdrawn(pairs, withdrawals, rejected)
    return ReadDecisions(
        tuple(sorted(pairs, key=lambda p: (p.decision_id, p.keys))),
        tuple(sorted(rejected, key=lambda r: (r.file, r.line, r.reason))),
        undecided,
        tuple(of_customers),
    )


def pairs_table(pairs: Sequence[DecidedPair]) -> pa.Table:
    """Return decisions as a table with the columns of ``sources.steward_decisions``."""
    kinds = {
        "decided_at": pa.timestamp("us"),
        "withdrawn_at": pa.timestamp("us"),
        "valid_from": pa.date32(),
        "valid_until": pa.date32(),
        "overrides": pa.bool_(),
    }
    return pa.table(
        {
            f.name: pa.array([getattr(p, f.name) for p in pairs], kinds.get(f.name, pa.string()))
            for f in fields(DecidedPair)
        }
    )


def rejected_table_of(rejected: Sequence[RejectedDecision]) -> pa.Table:
    """Return rejected rows as a table with the columns of ``sources.rejected_decisions``."""
    return pa.table(
        {
            "file": pa.array([r.file for r in rejected], pa.string()),
            "line": pa.array([r.line for r in rejected], pa.int64()),
            "reason": pa.array([r.reason for r in rejected], pa.string()),
            "hint": pa.array([r.hint for r in rejected], pa.string()),
        }
    )


def decision_id_of(
    decision: str,
    pairs: Iterable[tuple[Key, Key]],
    decided_by: str | None,
    decided_at: dt.datetime | None,
    why: str,
    *more: object,
) -> str:
    """Return the id of a decision: the same content, the same id."""
    said = [decision, str(sorted(pairs)), decided_by or "", str(decided_at or ""), why]
    text = "\x1f".join([*said, *(str(part or "") for part in more)])
    return "d_" + hashlib.sha256(text.encode()).hexdigest()[:12]


def with_rows(content: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Return the text of a file of decisions with rows added at its end."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    if not content.strip():
        writer.writeheader()
    for row in rows:
        writer.writerow({name: _written(row.get(name)) for name in COLUMNS})
    between = "" if not content.strip() or content.endswith("\n") else "\n"
    return f"{content if content.strip() else ''}{between}{out.getvalue()}"


def rows_of(pairs: Sequence[DecidedPair]) -> list[dict[str, object]]:
    """Return the rows that say these pairs."""
    return [{n: getattr(p, n) for n in COLUMNS if n != "withdraws"} for p in pairs]


def _written(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(f for f in folder.rglob("*.csv") if f.is_file() and not f.name.startswith("."))


def _rows(
    name: str, content: bytes, rejected: list[RejectedDecision]
) -> Iterable[tuple[int, dict[str, str]]]:
    """Yield line and cells of every row that is not empty."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        hint = "Save it as CSV UTF-8."
        rejected.append(RejectedDecision(name, 1, "the file is not UTF-8", hint))
        return
    header = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [cell.strip().lower() for cell in next(reader, [])]
    if not names:
        return
    if missing := {"decision", "why"} - set(names):
        reason = f"the file has no column {' and no column '.join(sorted(missing))}"
        hint = f"The first line names the columns: {', '.join(COLUMNS)}."
        rejected.append(RejectedDecision(name, 1, reason, hint))
        return
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
                reason = f"the row has {len(cells)} cells, the first line names {len(names)}"
                hint = "Put a cell that holds a separator in quotes."
                rejected.append(RejectedDecision(name, reader.line_num, reason, hint))
                continue
            yield (
                reader.line_num,
                {
                    column: _unguarded(cell.strip())
                    for column, cell in zip(names, cells, strict=False)
                },
            )
    except csv.Error:
        hint = "Check the quotes from this line on."
        rejected.append(RejectedDecision(name, reader.line_num, "the row is no CSV", hint))


def _unguarded(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def _customer_row(line: int, row: Mapping[str, str]) -> CustomerRow:
    return CustomerRow(
        line,
        _WORDS[_word(row)],
        row["customer_id"],
        row["other_customer_id"],
        row.get("decided_by") or None,
        row["why"],
    )


def _word(row: Mapping[str, str]) -> str:
    return row.get("decision", "").lower().replace("-", "_").replace(" ", "_")


def _read_row(
    row: Mapping[str, str], renamed: Mapping[str, str]
) -> DecidedPair | _Withdrawal | None:
    """Return what a row says; None where nobody has decided."""
    said = _word(row)
    if not said:
        if "rank" in row:
            return None
        raise _RowError("decision is empty", "Write always_match or never_match.")
    if (decision := _WORDS.get(said)) is None:
        raise _RowError(
            "decision is none that is known", "Write always_match, never_match or withdraw."
        )
    if not (why := row.get("why", "")):
        raise _RowError("why is empty", "Say what the decision rests on.")
    given = row.get("decision_id", "")
    if given and not _ID.fullmatch(given):
        raise _RowError(
            "decision_id is not of the form d_...", "Leave it empty: it follows from the row."
        )
    by = row.get("decided_by", "") or None
    at = _cell(row, "decided_at", _time)
    if decision == _WITHDRAW:
        target = row.get("withdraws", "")
        if not target:
            raise _RowError("withdraws is empty", "Name the decision_id that is taken back.")
        own = given or decision_id_of(decision, (), by, at, why, target)
        return _Withdrawal(own, target, at, why)
    first, second = _keys(row, renamed)
    valid = _cell(row, "valid_from", _day), _cell(row, "valid_until", _day)
    if valid[0] is not None and valid[1] is not None and valid[1] < valid[0]:
        raise _RowError("valid_until is before valid_from", "Correct one of the two days.")
    overrides = _cell(row, "overrides", _flag) or False
    if overrides and at is None:
        raise _RowError("overrides needs decided_at", "Say when it was decided.")
    named = sorted(_keys(row, {}))
    own = given or decision_id_of(
        decision, [(named[0], named[1])], by, at, why, valid[0], valid[1], overrides
    )
    return DecidedPair(own, decision, *first, *second, by, at, why, *valid, overrides)


def _keys(row: Mapping[str, str], renamed: Mapping[str, str]) -> tuple[Key, Key]:
    cells = [row.get(n, "") for n in ("source", "record_id", "other_source", "other_record_id")]
    if not all(cells):
        if row.get("customer_id") and row.get("other_customer_id"):
            raise _RowError(
                "the row names customers, whose ids may change, and no records",
                "`cdp decisions --add FILE` writes down the records they are today.",
                names_customers=True,
            )
        raise _RowError(
            "source, record_id, other_source or other_record_id is empty",
            "A decision names two records.",
        )
    one = (renamed.get(cells[0], cells[0]), cells[1])
    other = (renamed.get(cells[2], cells[2]), cells[3])
    if one == other:
        raise _RowError("both records are the same one", "Name two records.")
    return (one, other) if one < other else (other, one)


def _cell(row: Mapping[str, str], name: str, read: Callable[[str], _T]) -> _T | None:
    text = row.get(name, "")
    if not text:
        return None
    try:
        return read(text)
    except ValueError:
        wanted = "yes or no" if name == "overrides" else "a day as YYYY-MM-DD"
        raise _RowError(f"{name} cannot be read", f"Write {wanted}.") from None


def _time(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def _flag(text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(text)


def _refuse_twice(read: DecidedPair, found: Mapping[DecidedPair, tuple[str, int]]) -> None:
    if (before := found.get(read)) is not None:
        raise _RowError(
            f"the same decision stands in {before[0]}, line {before[1]}", "Remove one of the two."
        )


def _whole_decisions(
    found: Mapping[DecidedPair, tuple[str, int]], rejected: list[RejectedDecision]
) -> list[DecidedPair]:
    """Return the decisions whose rows agree on who decided what, when and why."""
    said: dict[str, set[DecidedPair]] = {}
    for pair in found:
        whole = replace(pair, source="", record_id="", other_source="", other_record_id="")
        said.setdefault(pair.decision_id, set()).add(whole)
    for pair, (name, line) in found.items():
        if len(said[pair.decision_id]) > 1:
            reason = f"the rows of {pair.decision_id} do not say the same decision"
            hint = "Who, when, why, validity and decision are equal in all rows of one."
            rejected.append(RejectedDecision(name, line, reason, hint))
    return [pair for pair in found if len(said[pair.decision_id]) == 1]


def _withdrawn(
    pairs: Sequence[DecidedPair],
    withdrawals: Sequence[tuple[_Withdrawal, str, int]],
    rejected: list[RejectedDecision],
) -> list[DecidedPair]:
    """Mark what was taken back; where several do, the first by time counts."""
    known = {pair.decision_id for pair in pairs}
    taken: dict[str, _Withdrawal] = {}
    ordered = sorted(withdrawals, key=lambda w: (w[0].decided_at or _UNDATED, w[0].decision_id))
    for withdrawal, name, line in ordered:
        if withdrawal.withdraws not in known:
            reason = f"there is no decision {withdrawal.withdraws} to take back"
            hint = "`cdp decisions` lists them."
            rejected.append(RejectedDecision(name, line, reason, hint))
        else:
            taken.setdefault(withdrawal.withdraws, withdrawal)
    return [
        replace(
            pair,
            withdrawal_id=taken[pair.decision_id].decision_id,
            withdrawn_at=taken[pair.decision_id].decided_at,
            withdrawn_why=taken[pair.decision_id].why,
        )
        if pair.decision_id in taken
        else pair
        for pair in pairs
    ]
