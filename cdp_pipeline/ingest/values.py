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
from cdp_pipeline.warehouse.engine import identifier, literal

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
_FIRST_YEAR, _LAST_YEAR = 1970, 2060
# Excel groups with a space, a no-break space or a narrow no-break space.
_SPACES = "[ \u00a0\u202f]"


@dataclass(frozen=True, slots=True)
class Parsed:
    """How one column is made.

    Attributes
    ----------
    local : str
        First step: an expression over the raw column; for timestamps the local time.
    utc : str
        First step, timestamps only: the time of values that carry an offset; empty if none can.
    final : str
        Second step: an expression over what the first step made.
    """

    local: str
    utc: str
    final: str


def parse_text(column: Column, contract: SourceTable, raw: str, name: str) -> Parsed:
    """Return how a column is made from text.

    Parameters
    ----------
    column : Column
    contract : SourceTable
    raw : str
        The raw column in SQL.
    name : str
        What the first step is called, in SQL.
    """
    if column.kind == "text":
        return Parsed(raw, "", name)
    if column.kind == "boolean":
        return Parsed(_boolean(column, raw), "", name)
    if column.kind == "date":
        return Parsed(f"cast({_time(column.format or ('%Y-%m-%d',), raw)} as date)", "", name)
    if column.kind == "timestamp":
        return _timestamp(column, contract, raw, name)
    number = _plain_number(contract, raw)
    if column.kind == "integer":
        return Parsed(_integer(number), "", name)
    # Underscores are digits' friends in DuckDB's own number syntax, not in anybody's export.
    typed = f"try_cast({number} as {column.type})"
    return Parsed(f"case when not contains({raw}, '_') then {typed} end", "", name)


_INTEGERS = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "hugeint"}
    | {"utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"}
)
_TIMES = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})


def parse_typed(
    column: Column, contract: SourceTable, raw: str, name: str, file_type: str
) -> Parsed | None:
    """Return how a column is made from a Parquet column, or None if the types do not go together.

    Parameters
    ----------
    column : Column
    contract : SourceTable
    raw : str
        The file's column in SQL.
    name : str
        What the first step is called, in SQL.
    file_type : str
        DuckDB's name of the file's type.
    """
    given = file_type.lower()
    if given == "varchar" or given.startswith("enum"):
        text = f"nullif(cast({raw} as varchar), '')"
        return parse_text(column, contract, text, name)
    if column.kind == "text":
        fits = given in _INTEGERS | {"uuid", "date"}
        return Parsed(f"cast({raw} as varchar)", "", name) if fits else None
    if column.kind in ("integer", "decimal"):
        return _number_from(column, raw, name, given)
    if column.kind == "boolean":
        return Parsed(raw, "", name) if given == "boolean" else None
    return _time_from(column, contract, raw, name, given)


def _number_from(column: Column, raw: str, name: str, given: str) -> Parsed | None:
    if given in ("double", "float"):
        # pandas turns integers with gaps into doubles.
        raw = f"nullif(cast({raw} as double), 'nan'::double)"
    elif given not in _INTEGERS and not given.startswith("decimal"):
        return None
    if column.kind == "integer" and given not in _INTEGERS:
        return Parsed(
            f"case when {raw} = floor({raw}) then try_cast({raw} as bigint) end", "", name
        )
    return Parsed(f"try_cast({raw} as {column.type})", "", name)


def _time_from(
    column: Column, contract: SourceTable, raw: str, name: str, given: str
) -> Parsed | None:
    if column.kind == "date":
        if given == "date":
            return Parsed(raw, "", name)
        if given in _TIMES:
            is_midnight = f"cast({raw} as time) = time '00:00:00'"
            return Parsed(f"case when {is_midnight} then cast({raw} as date) end", "", name)
        return None
    if given == "timestamp with time zone":
        return Parsed(f"make_timestamp(epoch_us({raw}))", "", name)
    if given == "date" or given in _TIMES:
        return Parsed(f"cast({raw} as timestamp)", "", _shifted(name, contract.time_zone))
    return None


def _plain_number(contract: SourceTable, raw: str) -> str:
    """Return text with ``.`` as decimal sign and no grouping; null where the signs do not fit."""
    group = _SPACES if contract.thousands == " " else "[" + contract.thousands + "]"
    point = "[.]" if contract.decimal == "." else ","
    if contract.thousands:
        grouped = rf" *[+-]?[0-9]{{1,3}}({group}[0-9]{{3}})+({point}[0-9]*)? *"
        joined = f"regexp_replace({raw}, {literal(group)}, '', 'g')"
        is_grouped = f"regexp_matches({raw}, {literal(group)})"
        fits = f"regexp_full_match({raw}, {literal(grouped)})"
        plain = f"case when not {is_grouped} then {raw} when {fits} then {joined} end"
    else:
        plain = raw
    if contract.decimal == ".":
        return plain
    joined_raw = f"({plain})"
    return f"case when not contains({joined_raw}, '.') then replace({joined_raw}, ',', '.') end"


def _integer(number: str) -> str:
    # The cast alone takes 1.5, 0x1F, 1_000 and 1e3. Writing the result back and comparing settles
    # nearly every value without a regular expression.
    cast = f"try_cast({number} as bigint)"
    plain = f"regexp_full_match({number}, ' *[+-]?[0-9]+([.]0*)? *')"
    return f"case when cast({cast} as varchar) = {number} or {plain} then {cast} end"


def _boolean(column: Column, raw: str) -> str:
    def among(words: tuple[str, ...]) -> str:
        return ", ".join(literal(word.lower()) for word in words)

    word = f"lower(trim({raw}))"
    return (
        f"case when {word} in ({among(column.true_values)}) then true"
        f" when {word} in ({among(column.false_values)}) then false end"
    )


def _time(formats: tuple[str, ...], raw: str) -> str:
    """Return the first format that parses, for years of four digits."""
    listed = ", ".join(literal(pattern) for pattern in formats)
    parsed = (
        f"try_strptime({raw}, [{listed}])"
        if len(formats) > 1
        else (f"try_strptime({raw}, {listed})")
    )
    # DuckDB reads `infinity` as 1900-01-01 and `epoch` as 1970-01-01; both have no digit.
    is_word = f"not contains({raw}, '0') and not regexp_matches({raw}, '[0-9]')"
    return f"case when {parsed} >= timestamp '1000-01-01' and not ({is_word}) then {parsed} end"


def _timestamp(column: Column, contract: SourceTable, raw: str, name: str) -> Parsed:
    """Return a time in UTC; text without an offset is in the source's zone."""
    formats = column.format or _ISO_TIMES
    with_offset = tuple(f for f in formats if "%z" in f)
    in_utc = tuple(f for f in formats if f.endswith("Z") and f not in with_offset)
    naive = tuple(f for f in formats if f not in with_offset and f not in in_utc)
    local = _time(naive, raw) if naive else "cast(null as timestamp)"
    others = [_time(in_utc, raw)] if in_utc else []
    for pattern in with_offset:
        parsed = f"try_strptime({raw}, {literal(pattern)})"
        others.append(f"make_timestamp(epoch_us({parsed}))")
    if not column.format:
        moment = f"make_timestamp(epoch_us(try_cast({raw} as timestamptz)))"
        offset = f"regexp_matches({raw}, {literal(_HAS_OFFSET)})"
        others.append(f"case when {local} is null and {offset} then {moment} end")
    utc_name = f'{name[:-1]}_utc"'
    shifted = _shifted(name, contract.time_zone)
    if not others:
        return Parsed(local, "", shifted)
    return Parsed(local, f"coalesce({', '.join(others)})", f"coalesce({shifted}, {utc_name})")


def utc_name(name: str) -> str:
    """Return what the first step calls the times with an offset of a column."""
    return identifier(f"{name}_utc")


def _shifted(local: str, zone: str) -> str:
    """Return a local time as UTC.

    A balanced tree of comparisons with the zone's changes costs a hundredth of a call into the
    engine's calendar library. A time that summer time skips or repeats counts before the change.
    """
    changes, offsets = _zone_changes(zone)
    if offsets == (0,):
        return local

    def tree(low: int, high: int) -> str:
        if low == high:
            return str(offsets[low])
        middle = (low + high) // 2
        return (
            f"case when {local} < timestamp '{changes[middle].isoformat(sep=' ')}'"
            f" then {tree(low, middle)} else {tree(middle + 1, high)} end"
        )

    micros = f"cast({tree(0, len(changes))} as bigint) * 1000000"
    return f"make_timestamp(epoch_us({local}) - {micros})"


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
