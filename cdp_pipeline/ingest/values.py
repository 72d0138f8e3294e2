"""From what a file holds to typed values: one SQL expression per column, and words for failures.

Belongs here: parsing text (numbers with decimal commas, dates in several formats, local times),
conversion of Parquet types, and the reason and repair hint of a value that does not fit. An
expression gives null for a value that does not fit; it never raises, and never guesses: ``1.5`` is
no integer, ``infinity`` no date, ``1.234`` no decimal where the decimal sign is a comma, and
``1.234`` none of two decimals either, unless its contract has it rounded.
"""

from __future__ import annotations

import bisect
import datetime as dt
import functools
import re
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
_SPACES = "[ \u00a0\u202f\u2009]"
_APOSTROPHES = "['\u2019]"
_MINUS = "\u2212"
_EXPONENT = "[+-]?[0-9]+([.][0-9]+)?[eE][+-]?[0-9]{1,3}"


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs that occur in a file and make its values harder to read.

    Most files have none of them, and reading is quicker for it.

    Attributes
    ----------
    underscore : bool
        DuckDB's own number syntax takes 1_000; nobody's export means it.
    minus : bool
        The true minus sign, which Nordic settings write.
    formula : bool
        ``="``, with which spreadsheets keep a number a text.
    tail : bytes
        The last bytes seen: a sign may stand at the edge of two blocks.
    """

    underscore: bool = True
    minus: bool = True
    formula: bool = True
    tail: bytes = b""

    @classmethod
    def none(cls) -> Signs:
        """Return what is known before the first byte."""
        return cls(False, False, False)

    def seen_in(self, block: bytes) -> Signs:
        """Return what is known after one more block."""
        edge = self.tail + block[:2]
        return Signs(
            self.underscore or b"_" in block,
            self.minus or _holds(block, edge, _MINUS.encode()),
            self.formula or _holds(block, edge, b'="'),
            block[-2:],
        )


def _holds(block: bytes, edge: bytes, sign: bytes) -> bool:
    # Looking for one byte is ten times as quick as for several, and mostly settles it.
    return sign in edge or (sign[:1] in block and sign in block)


_ALL_SIGNS = Signs()


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
    column: Column, contract: SourceTable, *, first: str = "raw", signs: Signs = _ALL_SIGNS
) -> Parsed:
    """Return how a column is made from text.

    Parameters
    ----------
    column : Column
    contract : SourceTable
    first : str
        The text, as an expression over ``raw``.
    signs : Signs
        What occurs in the file.
    """
    if signs.formula and contract.format == "csv":
        # Excel writes ="0012" so that it does not read 12; the text is what stands inside.
        inner = f"regexp_replace({first}, '^=\"([^\"]*)\"$', '\\1')"
        first = f"case when starts_with({first}, '=\"') then nullif({inner}, '') else {first} end"
    if column.kind == "text":
        return Parsed((first,))
    if column.kind == "boolean":
        return Parsed((f"lower(trim({first}))", _boolean(column)))
    if column.kind == "date":
        formats = column.format or ("%Y-%m-%d",)
        return Parsed((*_time(formats, contract, first), "cast(value as date)"))
    if column.kind == "timestamp":
        return _timestamp(column, contract, first)
    number = _plain_number(column, contract, first, signs)
    if column.kind == "decimal":
        if number == (first,):
            checked = _decimal(column, contract, signs, first, typed="value")
            # Written back the same, as most are: sooner settled than by looking at the text.
            same = f"case when cast(value as varchar) = {first} then value else {checked} end"
            return Parsed((f"try_cast({first} as {column.type})", same))
        typed = f"try_cast(value as {column.type})"
        return Parsed((*number, _decimal(column, contract, signs, "value", typed=typed)))
    if number == (first,):
        return Parsed((f"try_cast({first} as bigint)", _checked_integer(contract, first)))
    other = _scientific(contract, "value")
    whole = f"case when {_IS_INTEGER} then try_cast(value as bigint){other} end"
    return Parsed((*number, whole))


def _decimal(column: Column, contract: SourceTable, signs: Signs, text: str, *, typed: str) -> str:
    """Return a decimal that has no more decimals than its type, whatever the zeros at its end."""
    # The engine rounds, and takes 1e3 and 1_000.
    plain = [f"not contains({text}, 'e')", f"not contains({text}, 'E')"]
    if signs.underscore:
        plain.append(f"not contains({text}, '_')")
    if column.rounding is None:
        point = f"instr({text}, '.')"
        plain.append(f"({point} = 0 or length({text}) - {point} <= {column.scale})")
    exact = f" *[+-]?[0-9]*([.][0-9]{{0,{column.scale}}}0*)? *"
    return (
        f"case when {' and '.join(plain)} then {typed}"
        f" when regexp_full_match({text}, {literal(exact)}) then {typed}"
        f"{_scientific(contract, text, column)} end"
    )


def _scientific(contract: SourceTable, text: str, column: Column | None = None) -> str:
    """Return the branch of a ``case`` for numbers with an exponent, if the contract takes them."""
    if "exponent" not in contract.numbers:
        return ""
    number = f"try_cast({text} as double)"
    kind = column.type if column is not None else "bigint"
    is_rounded = column is not None and column.rounding is not None
    exact = "" if is_rounded else f" and {_is_near(number, f'try_cast({number} as {kind})')}"
    return (
        f" when regexp_full_match({text}, {literal(f' *{_EXPONENT} *')}){exact}"
        f" then try_cast({number} as {kind})"
    )


def _is_near(number: str, rounded: str, precision: str = "1e-9") -> str:
    """Return whether a double is a rounded number but for the noise of its binary form."""
    return f"abs({number} - cast({rounded} as double)) <= {precision} * greatest(1, abs({number}))"


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
    given = file_type.lower().strip('"')
    if given == "null":
        # Writers give a column without a single value no type.
        return Parsed((f"cast(null as {column.type})",))
    if given == "varchar" or given.startswith("enum"):
        nulls = ", ".join(literal(word) for word in dict.fromkeys(("", *contract.null_values)))
        text = f"case when cast(raw as varchar) not in ({nulls}) then cast(raw as varchar) end"
        return parse_text(column, contract, first=text)
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
    typed = f"try_cast(raw as {column.type})"
    if column.rounding is not None:
        return Parsed((typed,))
    if given in ("double", "float"):
        near = _is_near("raw", "value", "1e-9" if given == "double" else "1e-6")
        if column.kind == "integer":
            near = "raw = floor(raw)"
        return Parsed((typed, f"case when {near} then value end"))
    return Parsed((typed, "case when value = raw then value end"))


def _time_from(column: Column, contract: SourceTable, given: str) -> Parsed | None:
    if column.kind == "date":
        if given == "date":
            return Parsed()
        if given in _TIMES:
            is_midnight = "cast(raw as time) = time '00:00:00'"
            return Parsed((f"case when {is_midnight} then cast(raw as date) end",))
        return None
    if given == "timestamp with time zone" or given.startswith("timestamptz"):
        return Parsed(("make_timestamp(epoch_us(cast(raw as timestamptz)))",))
    if given == "date" or given in _TIMES:
        return Parsed(("cast(raw as timestamp)", shifted("value", contract.time_zone)))
    return None


def _plain_number(
    column: Column, contract: SourceTable, first: str, signs: Signs
) -> tuple[str, ...]:
    """Return text with ``.`` as decimal sign and no grouping; null where the signs do not fit."""
    steps: tuple[str, ...] = (first,)
    if signs.minus:
        steps += (f"replace(value, '{_MINUS}', '-')",)
    if column.unit:
        unit = "|".join(re.escape(sign) for sign in sorted(column.unit, key=len, reverse=True))
        before = rf"(?i)^([ ]*[-+(]?){_SPACES}*(?:{unit}){_SPACES}*"
        after = rf"(?i){_SPACES}*(?:{unit}){_SPACES}*([-)]?[ ]*)$"
        steps += (
            f"regexp_replace(value, {literal(before)}, '\\1')",
            f"regexp_replace(value, {literal(after)}, '\\1')",
        )
    if "parentheses" in contract.numbers:
        is_so = "regexp_full_match(value, ' *[(][^-+()]*[)] *')"
        steps += (f"case when {is_so} then '-' || trim(trim(value), '()') else value end",)
    if "trailing_minus" in contract.numbers:
        is_so = "regexp_full_match(value, '[^-+]*- *')"
        steps += (f"case when {is_so} then '-' || trim(trim(trim(value), '-')) else value end",)
    if contract.thousands:
        group = {" ": _SPACES, "'": _APOSTROPHES}.get(
            contract.thousands, "[" + contract.thousands + "]"
        )
        point = "[.]" if contract.decimal == "." else ","
        grouped = rf" *[+-]?[0-9]{{1,3}}({group}[0-9]{{3}})+({point}[0-9]*)? *"
        steps += (
            f"case when not regexp_matches(trim(value), {literal(group)}) then value"
            f" when regexp_full_match(trim(value), {literal(grouped)})"
            f" then regexp_replace(trim(value), {literal(group)}, '', 'g') end",
        )
    if contract.decimal == ",":
        steps += ("case when not contains(value, '.') then replace(value, ',', '.') end",)
    return steps


_IS_INTEGER = "regexp_full_match(value, ' *[+-]?[0-9]+([.]0*)? *')"


def _checked_integer(contract: SourceTable, first: str) -> str:
    # The cast alone takes 1.5, 0x1F, 1_000 and 1e3. Writing the result back and comparing settles
    # nearly every value without a regular expression.
    plain = _IS_INTEGER.replace("value", first)
    other = _scientific(contract, first)
    return f"case when cast(value as varchar) = {first} or {plain} then value{other} end"


def _boolean(column: Column) -> str:
    def among(words: tuple[str, ...]) -> str:
        return ", ".join(literal(word.lower()) for word in words)

    return (
        f"case when value in ({among(column.true_values)}) then true"
        f" when value in ({among(column.false_values)}) then false end"
    )


def _time(formats: tuple[str, ...], contract: SourceTable, first: str) -> tuple[str, ...]:
    """Return the first format that parses, for years of four digits."""
    steps: tuple[str, ...] = (first,)
    if contract.month_names and any("%b" in f or "%B" in f for f in formats):
        steps += ("lower(value)", _numbered_month(contract))
        formats = tuple(re.sub("%[bB]", "%m", pattern) for pattern in formats)
    # %Y would take 24 for the year 24, which is then no date: years of two digits go first.
    ordered = sorted(formats, key=lambda pattern: "%y" not in pattern)
    patterns = [literal(pattern) for pattern in ordered if "%" in pattern]
    ways = []
    if patterns:
        listed = f"[{', '.join(patterns)}]" if len(patterns) > 1 else patterns[0]
        ways.append(f"try_strptime(value, {listed})")
    if "excel" in formats:
        ways.append(_EXCEL)
    parsed = f"coalesce({', '.join(ways)})" if len(ways) > 1 else ways[0]
    # DuckDB reads `infinity` as 1900-01-01 and `epoch` as 1970-01-01; neither has a digit.
    is_date = f"(value not in ({_FROM_WORDS}) or regexp_matches({first}, '[0-9]'))"
    checked = f"case when value >= timestamp '1000-01-01' and {is_date} then value end"
    if steps == (first,):
        return (re.sub(r"\bvalue\b", lambda _: first, parsed), checked)
    return (*steps, parsed, checked)


# Excel counts days from 1899-12-30; before March 1900 it counts a day that never was.
_EXCEL = (
    "case when regexp_full_match(value, ' *[0-9]{2,7}([.,][0-9]+)? *')"
    " and try_cast(replace(value, ',', '.') as double) between 61 and 2958465.99"
    " then timestamp '1899-12-30' + to_milliseconds(cast(round("
    "try_cast(replace(value, ',', '.') as double) * 86400) * 1000 as bigint)) end"
)


def _numbered_month(contract: SourceTable) -> str:
    """Return text with the month's name replaced by its number."""
    names = {name.lower(): number for number, name in enumerate(contract.month_names, 1)}
    short = [name[:3] for name in names]
    names |= {
        name[:3]: number for name, number in list(names.items()) if short.count(name[:3]) == 1
    }
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    whole = literal(rf"({listed})\pL*[.]?")
    cases = " ".join(f"when {literal(name)} then '{n:02d}'" for name, n in names.items())
    return (
        f"case when regexp_matches(value, {whole}) then replace(value, regexp_extract(value,"
        f" {whole}), case regexp_extract(value, {whole}, 1) {cases} end) else value end"
    )


def _timestamp(column: Column, contract: SourceTable, first: str) -> Parsed:
    """Return a time in UTC; text without an offset is in the source's zone."""
    formats = column.format or _ISO_TIMES
    with_offset = tuple(f for f in formats if "%z" in f)
    in_utc = tuple(f for f in formats if f.endswith("Z") and f not in with_offset)
    counted = tuple(f for f in formats if f in ("unix", "unix_ms"))
    naive = tuple(f for f in formats if f not in (*with_offset, *in_utc, *counted))
    others = [f"try_strptime({first}, {literal(pattern)})" for pattern in in_utc]
    others += [
        f"make_timestamp(epoch_us(try_strptime({first}, {literal(pattern)})))"
        for pattern in with_offset
    ]
    others += [_counted(first, 1_000_000 if f == "unix" else 1_000) for f in counted]
    if not column.format:
        offset = f"regexp_matches({first}, {literal(_HAS_OFFSET)})"
        moment = f"make_timestamp(epoch_us(try_cast({first} as timestamptz)))"
        # Times without an offset, which are nearly all, are told by their length.
        others.append(f"case when length({first}) > 16 and {offset} then {moment} end")
    local = _time(naive, contract, first) if naive else ("cast(null as timestamp)",)
    steps = (*local, shifted("value", contract.time_zone))
    if not others:
        return Parsed(steps)
    checked = "case when moment >= timestamp '1000-01-01' then moment end"
    return Parsed((*steps, f"coalesce(value, {checked})"), f"coalesce({', '.join(others)})")


def _counted(first: str, microseconds: int) -> str:
    """Return the moment that lies a number of seconds, or parts of them, after 1970."""
    return (
        f"case when regexp_full_match({first}, ' *-?[0-9]{{1,14}}([.][0-9]{{1,9}})? *')"
        f" and abs(try_cast({first} as decimal(38,9))) * {microseconds} < 253402300800000000 then"
        f" make_timestamp(cast(round(try_cast({first} as decimal(38,9)) * {microseconds})"
        " as bigint)) end"
    )


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
        digits = int(column.type[8:-1].split(",")[0])
        after = "" if column.rounding else f" and {column.scale} after it"
        return (
            f"not a number with at most {digits - column.scale} digits before the decimal sign"
            f" '{contract.decimal}'{after}"
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
        "decimal": "decimal, thousands, rounding or type",
        "boolean": "true_values and false_values",
    }.get(column.kind, "format")
    return f"Mend the value in the source, or change {field} at {place}, and deliver again."
