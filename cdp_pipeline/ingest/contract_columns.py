"""Columns of a source contract: their types, and how their values are written in a file.

Belongs here: what one column may declare, and the small fields (delete marker, retention) that
name one. A table's own fields stand in ``contracts``; how values are parsed in ``values``.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PersonalClass = Literal[
    "name",
    "email",
    "phone",
    "address",
    "birth_date",
    "national_id",
    "organisation_number",
    "free_text",
    "device",
    "attribute",
    "pseudonym",
    "none",
]
Kind = Literal["text", "integer", "decimal", "boolean", "date", "timestamp"]

NAME = re.compile(r"[a-z][a-z0-9_]*")
_DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
_ENGINE_TYPES = {
    "text": "varchar",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}
COUNTED_FORMATS = ("excel", "unix", "unix_ms")
"""Dates and times written as numbers: days as Excel counts them, seconds or ms since 1970."""

_MONTHS = """
da januar februar marts april maj juni juli august september oktober november december
de januar februar märz april mai juni juli august september oktober november dezember
en january february march april may june july august september october november december
fi tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu
nb januar februar mars april mai juni juli august september oktober november desember
sv januari februari mars april maj juni juli augusti september oktober november december
"""
MONTHS = {
    words[0]: tuple(words[1:]) for words in (line.split() for line in _MONTHS.strip().splitlines())
}
"""How the months' names begin, by language; values may cut them to three letters, or go on."""

_DURATION = re.compile(r"(\d{1,4})\s*(hour|day|week|month)s?")
_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 744}


class Strict(BaseModel):
    """Fields of a contract: no others are taken, and none changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def listed(value: object) -> list[object] | tuple[object, ...]:
    """Let a single value stand for a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def as_text(value: object) -> object:
    """Take a bare ``1`` or ``0`` in YAML as the text it is in the file."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Column(Strict):
    """One column of a source table.

    Attributes
    ----------
    name : str
        Its name in our tables.
    type : str
        The DuckDB type, such as ``varchar`` or ``decimal(18,2)``.
    doc : str
        What it means.
    personal : str
        Its class of personal data; ``none`` for none.
    name_in_file : str
        Its name in the file's header.
    required : bool
        Whether a row without a value is rejected, and a file without the column refused.
    format : tuple of str
        strptime formats of a date or timestamp, tried in this order; none means ISO 8601.
        `excel`, `unix` and `unix_ms` are for dates and times written as numbers.
    unit : tuple of str
        Signs that may stand before or after a number, such as ``kr`` or ``%``; they are dropped.
    rounding : str or None
        ``half_up``: a decimal with more decimals than its type is rounded, not rejected.
    true_values, false_values : tuple of str
        Words of a boolean, compared without regard to case.
    """

    name: str
    type: str
    doc: str = Field(min_length=3)
    personal: PersonalClass = "none"
    name_in_file: str = ""
    required: bool = False
    format: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    rounding: Literal["half_up"] | None = None
    true_values: tuple[str, ...] = ("true", "t", "yes", "y", "1")
    false_values: tuple[str, ...] = ("false", "f", "no", "n", "0")

    @field_validator("format", "unit", "true_values", "false_values", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        return [as_text(item) for item in listed(value)]

    @field_validator("name")
    @classmethod
    def _snake_case(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError(
                "column names are snake_case; give the header's own spelling as name_in_file"
            )
        return value

    @field_validator("type")
    @classmethod
    def _engine_type(cls, value: str) -> str:
        wanted = value.strip().lower()
        if match := _DECIMAL.fullmatch(wanted):
            precision, scale = int(match[1]), int(match[2])
            if not 1 <= precision <= 38 or scale > precision:
                raise ValueError("a decimal has at most 38 digits, and not more decimals than that")
            return f"decimal({precision},{scale})"
        if wanted not in _ENGINE_TYPES:
            raise ValueError(
                "types are text, integer, decimal(digits,decimals), boolean, date, timestamp"
            )
        return _ENGINE_TYPES[wanted]

    @model_validator(mode="after")
    def _formats_fit(self) -> Column:
        if self.format and self.kind not in ("date", "timestamp"):
            raise ValueError(f"format is for dates and timestamps, not for {self.kind}")
        for pattern in self.format:
            if "%" not in pattern and pattern not in COUNTED_FORMATS:
                raise ValueError(
                    "format is a strptime pattern such as %d/%m/%Y, or excel, unix, unix_ms"
                )
        if self.kind == "date" and {"unix", "unix_ms"} & set(self.format):
            raise ValueError("unix and unix_ms are moments: make the type timestamp")
        if self.unit and self.kind not in ("integer", "decimal"):
            raise ValueError(f"unit is for numbers, not for {self.kind}")
        if any(not sign.strip() or any(c.isdigit() for c in sign) for sign in self.unit):
            raise ValueError("a unit is a sign or word without digits, such as kr or %")
        if self.rounding and self.kind != "decimal":
            raise ValueError(f"rounding is for decimals, not for {self.kind}")
        words = [word.casefold() for word in (*self.true_values, *self.false_values)]
        if len(words) != len(set(words)):
            raise ValueError("a word cannot be both true and false")
        return self

    @property
    def scale(self) -> int:
        """Return the decimals of a decimal; 0 for other types."""
        return int(self.type[8:-1].split(",")[1]) if self.kind == "decimal" else 0

    @property
    def kind(self) -> Kind:
        """Return the contract's word for the type."""
        if self.type.startswith("decimal"):
            return "decimal"
        kinds: dict[str, Kind] = {
            "varchar": "text",
            "bigint": "integer",
            "boolean": "boolean",
            "date": "date",
            "timestamp": "timestamp",
        }
        return kinds[self.type]


class DeleteMarker(Strict):
    """The value of a column that says a row is deleted."""

    column: str
    equals: str

    @field_validator("equals", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return ("true" if value else "false") if isinstance(value, bool) else as_text(value)


class Retention(Strict):
    """How long rows of a table are used.

    Attributes
    ----------
    days : int
        Days after which a row is left out.
    by : str
        The required date or timestamp column that tells a row's age; ``loaded`` for the day its
        delivery was loaded.
    """

    days: int = Field(ge=1)
    by: str


def duration(text: str) -> dt.timedelta:
    """Return a duration as people write it.

    >>> duration("2 days")
    datetime.timedelta(days=2)
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise ValueError("is a number and hours, days, weeks or months, as in 1 day")
    return dt.timedelta(hours=int(match[1]) * _HOURS[match[2]])
