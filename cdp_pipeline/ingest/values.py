"""From what a file holds to typed values: one SQL expression per column, and words for failures.

Belongs here: parsing text (numbers with decimal commas, dates in several formats, local times),
conversion of Parquet types, and the reason and repair hint of a value that does not fit. An
expression gives null for a value that does not fit; it never raises, and never guesses: ``1.5`` is
no integer, ``infinity`` no date, ``1.234`` no decimal where the decimal sign is a comma.
"""

from __future__ import annotations

import bisect
import datetime as dt
import functools
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cdp_pipeline.ingest.contracts import Column, SourceTable
from cdp_pipeline.warehouse.engine import literal

_ISO_TIMES = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d",
)
_HAS_OFFSET = r"[0-9] ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
_FROM_WORDS = "timestamp '1900-01-01', timestamp '1970-01-01'"
_FIRST_YEAR, _LAST_YEAR = 1970, 2060
# Excel groups with a space, a no-break space or a narrow no-break space.
_SPACES = "[ \u00a0\u202f]"


@dataclass(frozen=True, slots=True)
class Parsed:
    """How one column is made, step by step; each step names the one before as ``value``.

    The steps are layers of one query: the engine computes an expression that stands twice inside
    a ``case`` twice, so what is needed twice has to be a step of its own.

    Attributes
    ----------
    steps : tuple of str
        Expressions over ``raw`` (what the file holds), ``value`` (the step before), and ``moment``.
    moment : str
        Timestamps only: the UTC time of values that carry an offset; over ``raw``, empty if none
        can.
    """

    steps: tuple[str, ...] = ("raw",)
    moment: str = ""


def parse_text(
    column: Column,
    contract: SourceTable,
    *,
    first: str = "raw",
    may_have_underscores: bool = True,
) -> Parsed:
    """Return how a column is made from text.

    Parameters
    ----------
    column : Column
    contract : SourceTable
    first : str
        The text, as an expression over ``raw``.
    may_have_underscores : bool
        Whether there is an underscore anywhere in the file.
    """
    if column.kind == "text":
        return Parsed((first,))
    if column.kind == "boolean":
        return Parsed((f"lower(trim({first}))", _boolean(column)))
    if column.kind == "date":
        return Parsed((*_time(column.format or ("%Y-%m-%d",), first), "cast(value as date)"))
    if column.kind == "timestamp":
        return _timestamp(column, contract, first)
    if column.kind == "integer":
        number = _plain_number(contract, first)
        if number == (first,):
            return Parsed((f"try_cast({first} as bigint)", _checked_integer(first)))
        return Parsed((*number, f"case when {_IS_INTEGER} then try_cast(value as bigint) end"))
    typed = f"try_cast(value as {column.type})"
    if may_have_underscores:
        # DuckDB's own number syntax takes 1_000, nobody's export means it.
        typed = f"case when not contains(value, '_') then {typed} end"
    return Parsed((*_plain_number(contract, first), typed))


_INTEGERS = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "hugeint"}
    | {"utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"}
)
_TIMES = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})


def parse_typed(column: Column, contract: SourceTable, file_type: str) -> Parsed | None:
    """Return how a column is made from a Parquet column, or None if the types do not go together.

    Parameters
    ----------
    column : Column
    contract : SourceTable
    file_type : str
        DuckDB's name of the file's type.
    """
    given = file_type.lower()
    if given == "varchar" or given.startswith("enum"):
        return parse_text(column, contract, first="nullif(cast(raw as varchar), '')")
    if column.kind == "text":
        fits = given in _INTEGERS | {"uuid", "date"}
        return Parsed(("cast(raw as varchar)",)) if fits else None
    if column.kind in ("integer", "decimal"):
        return _number_from(column, given)
    if column.kind == "boolean":
        return Parsed() if given == "boolean" else None
    return _time_from(column, contract, given)


def _number_from(column: Column, given: str) -> Parsed | None:
    if given not in _INTEGERS | {"double", "float"} and not given.startswith("decimal"):
        return None
    if column.kind == "integer" and given not in _INTEGERS:
        return Parsed(("case when raw = floor(raw) then try_cast(raw as bigint) end",))
    return Parsed((f"try_cast(raw as {column.type})",))


def _time_from(column: Column, contract: SourceTable, given: str) -> Parsed | None:
    if column.kind == "date":
        if given == "date":
            return Parsed()
        if given in _TIMES:
            is_midnight = "cast(raw as time) = time '00:00:00'"
            return Parsed((f"case when {is_midnight} then cast(raw as date) end",))
        return None
    if given == "timestamp with time zone":
        return Parsed(("make_timestamp(epoch_us(raw))",))
    if given == "date" or given in _TIMES:
        return Parsed(("cast(raw as timestamp)", shifted("value", contract.time_zone)))
    return None


def _plain_number(contract: SourceTable, first: str) -> tuple[str, ...]:
    """Return text with ``.`` as decimal sign and no grouping; null where the signs do not fit."""
    steps: tuple[str, ...] = (first,)
    if contract.thousands:
        group = _SPACES if contract.thousands == " " else "[" + contract.thousands + "]"
        point = "[.]" if contract.decimal == "." else ","
        grouped = rf" *[+-]?[0-9]{{1,3}}({group}[0-9]{{3}})+({point}[0-9]*)? *"
        steps += (
            f"case when not regexp_matches(value, {literal(group)}) then value"
            f" when regexp_full_match(value, {literal(grouped)})"
            f" then regexp_replace(value, {literal(group)}, '', 'g') end",
        )
    if contract.decimal == ",":
        steps += ("case when not contains(value, '.') then replace(value, ',', '.') end",)
    return steps


_IS_INTEGER = "regexp_full_match(value, ' *[+-]?[0-9]+([.]0*)? *')"


def _checked_integer(first: str) -> str:
    # The cast alone takes 1.5, 0x1F, 1_000 and 1e3. Writing the result back and comparing settles
    # nearly every value without a regular expression.
    plain = _IS_INTEGER.replace("value", first)
    return f"case when cast(value as varchar) = {first} or {plain} then value end"


def _boolean(column: Column) -> str:
    def among(words: tuple[str, ...]) -> str:
        return ", ".join(literal(word.lower()) for word in words)

    return (
        f"case when value in ({among(column.true_values)}) then true"
        f" when value in ({among(column.false_values)}) then false end"
    )


def _time(formats: tuple[str, ...], first: str) -> tuple[str, str]:
    """Return the first format that parses, for years of four digits."""
    listed = ", ".join(literal(pattern) for pattern in formats)
    patterns = f"[{listed}]" if len(formats) > 1 else listed
    # DuckDB reads `infinity` as 1900-01-01 and `epoch` as 1970-01-01; neither has a digit.
    is_date = f"(value not in ({_FROM_WORDS}) or regexp_matches({first}, '[0-9]'))"
    return (
        f"try_strptime({first}, {patterns})",
        f"case when value >= timestamp '1000-01-01' and {is_date} then value end",
    )


def _timestamp(column: Column, contract: SourceTable, first: str) -> Parsed:
    """Return a time in UTC; text without an offset is in the source's zone."""
    formats = column.format or _ISO_TIMES
    with_offset = tuple(f for f in formats if "%z" in f)
    in_utc = tuple(f for f in formats if f.endswith("Z") and f not in with_offset)
    naive = tuple(f for f in formats if f not in with_offset and f not in in_utc)
    others = [f"try_strptime({first}, {literal(pattern)})" for pattern in in_utc]
    others += [
        f"make_timestamp(epoch_us(try_strptime({first}, {literal(pattern)})))"
        for pattern in with_offset
    ]
    if not column.format:
        offset = f"regexp_matches({first}, {literal(_HAS_OFFSET)})"
        moment = f"make_timestamp(epoch_us(try_cast({first} as timestamptz)))"
        # Times without an offset, which are nearly all, are told by their length.
        others.append(f"case when length({first}) > 16 and {offset} then {moment} end")
    local = _time(naive, first) if naive else ("cast(null as timestamp)",)
    steps = (*local, shifted("value", contract.time_zone))
    if not others:
        return Parsed(steps)
    checked = "case when moment >= timestamp '1000-01-01' then moment end"
    return Parsed((*steps, f"coalesce(value, {checked})"), f"coalesce({', '.join(others)})")


def shifted(local: str, zone: str) -> str:
    """Return a local time as UTC.

    A balanced tree of comparisons with the zone's changes costs a hundredth of a call into the
    engine's calendar library. A time that summer time skips or repeats counts before the change.
    """
    changes, offsets = _zone_changes(zone)
    if offsets == (0,):
        return local

    def tree(low: int, high: int) -> str:
        if low == high:
            return str(offsets[low] * 1_000_000)
        middle = (low + high) // 2
        return (
            f"case when {local} < timestamp '{changes[middle].isoformat(sep=' ')}'"
            f" then {tree(low, middle)} else {tree(middle + 1, high)} end"
        )

    return f"make_timestamp(epoch_us({local}) - {tree(0, len(changes))})"


@functools.lru_cache(maxsize=64)
def _zone_changes(zone: str) -> tuple[tuple[dt.datetime, ...], tuple[int, ...]]:
    """Return the local times at which a zone's offset changes, and the offsets between (seconds).

    Before the first and after the last year looked at, the nearest offset holds.
    """
    info = ZoneInfo(zone)

    def offset(seconds: int) -> int:
        local = dt.datetime(_FIRST_YEAR, 1, 1) + dt.timedelta(seconds=seconds)  # noqa: DTZ001
        delta = local.replace(tzinfo=info, fold=0).utcoffset()
        return 0 if delta is None else int(delta.total_seconds())

    day = 86_400
    last = (dt.date(_LAST_YEAR, 1, 1) - dt.date(_FIRST_YEAR, 1, 1)).days
    changes: list[dt.datetime] = []
    offsets = [offset(0)]
    for start in range(0, last * day, 7 * day):
        if offset(start + 7 * day) != offset(start):
            old = offset(start)
            seconds = range(start + 1, start + 7 * day + 1)
            # False until the offset changes, True from then on.
            found = seconds[bisect.bisect_left(seconds, True, key=_differs(offset, old))]
            moment = dt.datetime(_FIRST_YEAR, 1, 1) + dt.timedelta(seconds=found)  # noqa: DTZ001
            changes.append(moment)
            offsets.append(offset(found))
    return tuple(changes), tuple(offsets)


def _differs(offset: Callable[[int], int], old: int) -> Callable[[int], bool]:
    return lambda seconds: offset(seconds) != old


def reason(column: Column, contract: SourceTable) -> str:
    """Return why a value of a column was not taken, without the value."""
    if column.kind == "integer":
        return "not a whole number"
    if column.kind == "decimal":
        digits, decimals = column.type[8:-1].split(",")
        return (
            f"not a number with at most {int(digits) - int(decimals)} digits before the decimal"
            f" sign '{contract.decimal}'"
        )
    if column.kind == "boolean":
        return f"none of {', '.join((*column.true_values, *column.false_values))}"
    default = ("%Y-%m-%d",) if column.kind == "date" else ("%Y-%m-%d %H:%M:%S", "ISO 8601")
    return f"not a {column.kind} of form {' or '.join(column.format or default)}"


def repair_hint(column: Column, contract: SourceTable) -> str:
    """Return what to do about values of a column that were not taken."""
    place = contract.where(f"columns.{column.name}")
    field = {
        "integer": "type",
        "decimal": "decimal, thousands or type",
        "boolean": "true_values and false_values",
    }.get(column.kind, "format")
    return f"Mend the value in the source, or change {field} at {place}, and deliver again."
