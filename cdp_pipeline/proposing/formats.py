"""The type of a column and how it is written: numbers, dates, times, booleans, or text.

Belongs here: which contract type every value of a sample keeps, with the strptime format, and the
signs of decimals and thousands that a whole file shares. Nothing here looks at names, except where
a caller says that day or month comes first.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from cdp_pipeline.proposing.shapes import Counted
from cdp_pipeline.proposing.words import vocabulary

GOOD_SHARE = 0.98
"""Share of values that must keep a type; the rest would be rejected, and is told."""
_MOST_DECIMALS = 9
_RARE = 0.005
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_ZERO_LED = re.compile(r"0[0-9]+")
EXPONENT = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+")
_DATE = re.compile(r"(\d{1,4})([-/. ])(\d{1,2})\2(\d{1,4})\.?")
_NAMED_MONTH = re.compile(r"(\d{1,2})([- ])([A-Za-z]{3,9})\2(\d{2,4})")
_PACKED = re.compile(r"(1[6-9]|20|21)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(
    r"(?P<sep>[T ]+)"
    r"(?P<time>\d{1,2}(?P<mark>[:.])\d{2}(?P<sec>(?P=mark)\d{2})?(?P<frac>(?<=\d)[.,]\d{3,9})?)"
    r"(?P<ampm> ?[AaPp][Mm])?(?P<zone> ?(Z|[+-]\d{2}:?\d{2}|[+-]\d{2}))?$"
)
_PACKED_TIME = re.compile(r"(\d{8})[ T]?(\d{6})")


@dataclass(frozen=True)
class Numbers:
    """How numbers are written in a file."""

    decimal: str = "."
    thousands: str = ""


@dataclass(frozen=True)
class Written:
    """The type of a column, and how its values are written.

    Attributes
    ----------
    kind : str
        ``text``, ``integer``, ``decimal``, ``boolean``, ``date`` or ``timestamp``.
    format : tuple of str
        strptime formats; none where ISO 8601 or no date.
    share : float
        Share of the values that keep this type.
    digits : int
        Decimals that are written.
    words : tuple of str
        True and false, where a boolean is not written in a way the loader knows by itself.
    doubt : str
        What could not be told.
    """

    kind: str
    format: tuple[str, ...] = ()
    share: float = 1.0
    digits: int = 0
    words: tuple[str, str] | None = None
    doubt: str = ""
    near: str = ""
    """The one date format that most values of a text have."""
    earliest: int = 0
    latest: int = 0


def number_signs(columns: Iterable[Sequence[str]]) -> Numbers:
    """Return the decimal sign and the thousands sign that a file's numbers are written with."""
    votes: Counter[str] = Counter()
    groups: Counter[str] = Counter()
    unclear: Counter[str] = Counter()
    for values in columns:
        pattern = r"[+-]?\d{1,3}(?:([ .,'\u00a0\u202f])\d{3})(?:\1\d{3})*(?:([.,])\d+)?"
        numeric = [v for v in values if re.fullmatch(r"[+-]?[\d .,'\u00a0\u202f]*\d", v)]
        if len(numeric) < GOOD_SHARE * len(values) or not numeric:
            continue
        if any(_ZERO_LED.fullmatch(value) for value in numeric):
            continue
        # Groups of three leave small numbers without a sign; decimals do not.
        is_fixed = all(re.fullmatch(r"[+-]?\d+[.,]\d{3}", value) for value in numeric)
        is_fixed = is_fixed and any(len(re.split(r"[.,]", v.lstrip("+-"))[0]) != 1 for v in numeric)
        is_fixed = is_fixed or any(re.match(r"[+-]?0[.,]", value) for value in numeric)
        for value in numeric:
            tail = re.fullmatch(r"[+-]?\d+([.,])(\d+)", value)
            if tail and (len(tail[2]) != 3 or is_fixed):
                votes[tail[1]] += 1
            elif tail:
                unclear[tail[1]] += 1
            elif grouped := re.fullmatch(pattern, value):
                groups[grouped[1].replace("\u00a0", " ").replace("\u202f", " ")] += 1
                if grouped[2]:
                    votes[grouped[2]] += 1
    decimal = "," if votes[","] > votes["."] else "."
    if not votes and groups["."] > groups[","]:
        decimal = ","
    if not votes and not groups and unclear[","] and not unclear["."]:
        # 1,234 alone: three digits after every sign are groups unless small numbers disprove it.
        return Numbers(".", ",")
    other = {sign: count for sign, count in groups.items() if sign != decimal}
    thousands = max(other, key=lambda sign: (other[sign], sign)) if other else ""
    opposite = "." if decimal == "," else ","
    if not thousands and unclear[opposite] and votes:
        thousands = opposite
    return Numbers(decimal, thousands)


def plain_number(value: str, signs: Numbers) -> str | None:
    """Return a number with a point and no groups, or None if it is not written as the file does."""
    text = value.strip()
    if signs.thousands:
        group = "[ \u00a0\u202f]" if signs.thousands == " " else re.escape(signs.thousands)
        point = re.escape(signs.decimal)
        if re.fullmatch(rf"[+-]?\d{{1,3}}({group}\d{{3}})+({point}\d*)?", text):
            text = re.sub(group, "", text)
    if signs.decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    return (
        text if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text) or EXPONENT.fullmatch(text) else None
    )


def written(
    values: Counted, signs: Numbers, *, day_first: bool | None = None, is_flag: bool = False
) -> Written:
    """Return the type that (nearly) all values of a column keep.

    Parameters
    ----------
    values : sequence of (str, int)
        Distinct values, none empty, with how often each occurs.
    signs : Numbers
        How the file writes numbers.
    day_first : bool, optional
        Which comes first where the values leave it open.
    is_flag : bool
        Whether the column's name says that it is true or false.
    """
    if not values:
        return Written("text", share=0.0, doubt="it has no values")
    found = _boolean(values, is_flag)
    if found is not None:
        return found
    found = _number(values, signs)
    times = _times(values, day_first)
    if times is not None and (times.kind != "text" or found is None):
        return times
    return found or Written("text")


def _share(values: Counted, fits: Iterable[bool]) -> float:
    total = sum(count for _, count in values)
    good = sum(count for (_, count), fit in zip(values, fits, strict=True) if fit)
    return good / total if total else 0.0


def _boolean(values: Counted, is_flag: bool) -> Written | None:
    said = {value.strip().casefold() for value, _ in values}
    if len(said) > 2:
        return None
    for true, false in vocabulary().booleans:
        pair = {true, false}
        if not said <= pair:
            continue
        if true == "1" and (len(said) < 2 or not is_flag):
            continue
        if len(said) < 2 and len(true) == 1 and not is_flag:
            continue
        known = {"true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"}
        return Written("boolean", words=None if pair <= known else (true, false))
    return None


def _number(values: Counted, signs: Numbers) -> Written | None:
    plain = [plain_number(value, signs) for value, _ in values]
    share = _share(values, [text is not None for text in plain])
    if share < GOOD_SHARE:
        return None
    texts = [text for text in plain if text is not None]
    if any(_ZERO_LED.fullmatch(text) for text in texts):
        return None  # leading zeros mean something: these are no numbers
    longest = max(len(text.lstrip("+-").split(".")[0]) for text in texts)
    if longest > 18:
        return None
    whole = _share(values, [t is not None and bool(_INTEGER.fullmatch(t)) for t in plain])
    if whole >= share:
        return Written("integer", share=share)
    return Written("decimal", share=share, digits=_decimals(texts))


def _decimals(texts: Sequence[str]) -> int:
    """Return how many decimals nearly all numbers have; those of binary fractions are noise."""
    counts: Counter[int] = Counter()
    for text in texts:
        if "e" in text.lower():
            counts[_MOST_DECIMALS] += 1
        else:
            tail = text.split(".")[1].rstrip("0") if "." in text else ""
            counts[len(tail)] += 1
    most = max(counts)
    return most if most <= _MOST_DECIMALS else 6 if counts[most] < len(texts) else _MOST_DECIMALS


def _times(values: Counted, day_first: bool | None) -> Written | None:
    shapes: Counter[tuple[str, str]] = Counter()
    sides: dict[tuple[str, str], list[int]] = {}
    fits = []
    for value, count in values:
        shape = _shape(value.strip())
        fits.append(shape is not None)
        if shape is None:
            continue
        date, time, first, second = shape
        shapes[date, time] += count
        limits = sides.setdefault((date, time), [0, 0])
        limits[0], limits[1] = max(limits[0], first), max(limits[1], second)
    total = sum(count for _, count in values)
    if not shapes or sum(shapes.values()) < GOOD_SHARE * total:
        return None
    formats: list[str] = []
    doubts: list[str] = []
    for (date, time), count in sorted(shapes.items(), key=lambda item: (-item[1], item[0])):
        if count < _RARE * total and formats:
            continue  # a slip, not a way of writing
        resolved, doubt = _resolved(date, sides[date, time], day_first)
        for one in resolved:
            if one + time not in formats:
                formats.append(one + time)
        if doubt:
            doubts.append(doubt)
    parsed = [_parsed(value.strip(), formats) for value, _ in values]
    share = _share(values, [moment is not None for moment in parsed])
    if share < GOOD_SHARE:
        return Written("text", share=share, near=formats[0])
    has_time = any("%H" in one or "%I" in one for one in formats)
    years = [moment.year for moment in parsed if moment is not None]
    kind = "timestamp" if has_time else "date"
    return Written(
        kind,
        () if _is_iso(formats, kind) else tuple(formats),
        share,
        doubt=doubts[0] if doubts else "",
        earliest=min(years),
        latest=max(years),
    )


def _is_iso(formats: Sequence[str], kind: str) -> bool:
    """Return whether a loader reads these formats without being told."""
    if kind == "date":
        return list(formats) == ["%Y-%m-%d"]
    starts = ("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M")
    ends = ("", ":%S", ":%S.%f", "%z", ":%S%z", ":%S.%f%z")
    iso = {a + b for a, b in product(starts, ends)} | {"%Y-%m-%d"}
    # Only where there is more than one way, or an offset: a single format is said outright.
    return all(one in iso for one in formats) and (len(formats) > 1 or "%z" in formats[0])


def _shape(value: str) -> tuple[str, str, int, int] | None:
    """Return date shape, time format, and the first two numbers of a date or time; None if neither.

    A date shape holds ``%1`` and ``%2`` where day and month stand in an order not yet known.
    """
    time = ""
    if _PACKED.fullmatch(value):
        return "%Y%m%d", "", 0, 0
    if packed := _PACKED_TIME.fullmatch(value):
        if _PACKED.fullmatch(packed[1]):
            between = value[8:-6]
            return "%Y%m%d", f"{between}%H%M%S", 0, 0
        return None
    if match := _TIME.search(value):
        time, value = _time_format(match), value[: match.start()]
    if match := _DATE.fullmatch(value):
        first, sign, second, third = match[1], match[2], match[3], match[4]
        end = "." if value.endswith(".") else ""
        if len(first) == 4 and len(third) <= 2:
            return f"%Y{sign}%m{sign}%d{end}", time, 0, 0
        if len(first) <= 2 and len(third) in (2, 4):
            year = "%Y" if len(third) == 4 else "%y"
            return f"%1{sign}%2{sign}{year}{end}", time, int(first), int(second)
        return None
    if match := _NAMED_MONTH.fullmatch(value):
        year = "%Y" if len(match[4]) == 4 else "%y"
        month = "%b" if len(match[3]) == 3 else "%B"
        return f"%d{match[2]}{month}{match[2]}{year}", time, 0, 0
    return None


def _time_format(match: re.Match[str]) -> str:
    mark = match["mark"]
    text = match["sep"] + ("%I" if match["ampm"] else "%H") + mark + "%M"
    if match["sec"]:
        text += f"{mark}%S"
    if match["frac"]:
        text += match["frac"][0] + "%f"
    if match["ampm"]:
        text += (" " if match["ampm"].startswith(" ") else "") + "%p"
    if match["zone"]:
        text += (" " if match["zone"].startswith(" ") else "") + "%z"
    return text


def _resolved(
    date: str, limits: Sequence[int], day_first: bool | None
) -> tuple[tuple[str, ...], str]:
    """Return the format of a date shape whose day and month were in doubt, and what is in doubt."""
    if "%1" not in date:
        return (date,), ""
    day = date.replace("%1", "%d").replace("%2", "%m")
    month = date.replace("%1", "%m").replace("%2", "%d")
    if limits[0] > 12 and limits[1] > 12:
        # Both orders in one column: the commoner one is tried first by the caller's votes.
        return (day, month), "days and months stand in both orders"
    if limits[0] > 12:
        return (day,), ""
    if limits[1] > 12:
        return (month,), ""
    chosen = month if day_first is False else day
    return (chosen,), "" if day_first is not None else "day or month first? no value tells"


def is_open(values: Counted) -> bool | None:
    """Return whether the day stands first in a column's dates; None if no value tells."""
    first = second = 0
    for value, _ in values:
        shape = _shape(value.strip())
        if shape is not None and "%1" in shape[0]:
            first, second = max(first, shape[2]), max(second, shape[3])
    if (first > 12) == (second > 12):
        return None
    return first > 12


def _parsed(value: str, formats: Sequence[str]) -> dt.datetime | None:
    for one in formats:
        text = value
        if "%f" in one and (match := re.search(r"([.,]\d{6})\d+", text)):
            text = text.replace(match[0], match[1])
        try:
            moment = dt.datetime.strptime(text, one)  # noqa: DTZ007  only its year is used
        except ValueError:
            continue
        if moment.year >= 1000:
            return moment
    return None
