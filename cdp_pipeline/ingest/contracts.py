"""Source contracts: what a system's exports look like, as ``dbt_like_sql/sources/*.yml`` says it.

Belongs here: the shape of a contract, and errors that name file and line when one does not fit.
Whether a delivered file keeps its contract is for ``drift`` and ``load`` to say.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from cdp_pipeline.errors import CdpError
from cdp_pipeline.ingest.contract_columns import (
    MONTHS,
    NAME,
    Column,
    DeleteMarker,
    PersonalClass,
    Retention,
    Strict,
    as_text,
    duration,
    listed,
)
from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.yaml_lines import YamlFile, read_yaml

_RESERVED = frozenset({"_delivery", "_file", "_record_number", "_problem"})
_HOW_TO = "docs/how_to/add_a_source.md describes every field."


__all__ = ["Column", "ContractError", "SourceTable", "load_contracts", "renamed_systems"]


class ContractError(CdpError):
    """Contracts do not fit; every problem found is in `problems`."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(set(problems))
        count = len(self.problems)
        listing = "\n".join(str(problem) for problem in self.problems)
        super().__init__(
            f"{count} {'problem' if count == 1 else 'problems'} in the contracts\n{listing}"
        )


class SourceTable(Strict):
    """One table of a source system: where its files lie, how they are written, what they hold.

    Attributes
    ----------
    system, table : str
        The contract's names; the table is ``sources.<system>_<table>``.
    files : tuple of str
        Globs below the landing folder; absolute ones and ``${VARIABLE}/...`` are taken as they are.
    delivery : str
        ``snapshot``: the newest file replaces all; ``delta``: rows upsert by key.
    changed_at : str or None
        Column that orders the versions of one key; without it later deliveries win.
    event_at : str or None
        Column that counts when the clock stands at the latest event.
    escape : str
        Sign before a quote that belongs to the value; empty where such quotes are doubled.
    header : bool
        Whether the first record names the columns; else they are told by their place.
    skip_rows : int
        Lines before the header, or before the first record.
    comment : str
        Lines that start with this sign, outside quotes, are no records.
    footer : str
        How the closing lines of a file start that are no records; a file without them is refused.
    numbers : tuple of str
        Ways of writing numbers that are not taken unasked.
    month_names : str or tuple of str
        Language of month names in dates, or the twelve names themselves.
    formerly : str or None
        The table's name before it was renamed; `system_formerly` likewise for its system.
    retention : Retention or None
        How long its rows are used.
    expected_every : timedelta or None
        How often something new is expected.
    licence, expires : str or None, date or None
        Under which terms the data is used, and until when; documentation.
    one_record_per_customer : bool
        Whether no customer has two records in the system: linking never joins two of them.
    max_rejected_share : float
        Share of bad records beyond which a delivery is refused.
    allow_empty : bool
        Whether a snapshot without rows may replace one with rows.
    max_shrink_share : float
        Share of its records that a snapshot may lose against the one before.
    file, line : Path, int
        Where the contract stands.
    lines : Mapping of str to int
        The line of each field, such as ``delimiter`` or ``columns.email``.
    """

    system: str
    table: str
    system_description: str = ""
    description: str
    owner: str = Field(min_length=1)
    trust: int = Field(50, ge=0)
    time_zone: str = "UTC"
    prices_include_vat: bool | None = None
    files: tuple[str, ...] = Field(min_length=1)
    format: Literal["csv", "jsonl", "parquet"] = "csv"
    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    header: bool = True
    skip_rows: int = Field(0, ge=0, le=1000)
    comment: str = ""
    footer: str = ""
    decimal: Literal[".", ","] = "."
    thousands: Literal["", " ", ".", ",", "'"] = ""
    numbers: tuple[Literal["exponent", "trailing_minus", "parentheses"], ...] = ()
    month_names: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ("",)
    delivery: Literal["snapshot", "delta"]
    key: tuple[str, ...] = Field(min_length=1)
    changed_at: str | None = None
    event_at: str | None = None
    delete_marker: DeleteMarker | None = None
    max_rejected_share: float = Field(0.2, ge=0, le=1)
    allow_empty: bool = False
    max_shrink_share: float = Field(0.5, ge=0, le=1)
    formerly: str | None = None
    system_formerly: str | None = None
    retention: Retention | None = None
    expected_every: dt.timedelta | None = None
    licence: str | None = None
    expires: dt.date | None = None
    one_record_per_customer: bool = False
    columns: dict[str, Column] = Field(min_length=1)
    file: Path
    line: int
    lines: dict[str, int] = Field(default_factory=dict)

    @field_validator("files", "key", "null_values", "numbers", mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        return listed(value)

    @field_validator("null_values", mode="before")
    @classmethod
    def _null_words(cls, value: object) -> object:
        words = [as_text(item) for item in listed(value)]
        if any(not isinstance(word, str) for word in words):
            raise ValueError('quote these words, as in null_values: ["", "NULL"]')
        return words

    @field_validator("encoding", mode="before")
    @classmethod
    def _known_spelling(cls, value: object) -> object:
        same = {"utf8": "utf-8", "utf-8-sig": "utf-8", "utf-8-bom": "utf-8", "ascii": "utf-8"}
        same |= {"utf16": "utf-16", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}
        same |= {"latin1": "latin-1", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}
        name = str(value).lower().replace("_", "-")
        return same.get(name, name)

    @field_validator("thousands", mode="before")
    @classmethod
    def _known_group(cls, value: object) -> object:
        # Whichever space or apostrophe is named, all of its kind are meant.
        return {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"}.get(str(value), value)

    @field_validator("month_names", mode="before")
    @classmethod
    def _twelve_names(cls, value: object) -> object:
        if isinstance(value, str):
            if value not in MONTHS:
                raise ValueError(f"is one of {', '.join(MONTHS)}, or a list of twelve names")
            return MONTHS[value]
        if not isinstance(value, list | tuple) or len(value) != 12:
            raise ValueError(f"is one of {', '.join(MONTHS)}, or a list of twelve names")
        return value

    @field_validator("expected_every", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        return value if isinstance(value, dt.timedelta) else duration(str(value))

    @field_validator("formerly", "system_formerly")
    @classmethod
    def _former_name(cls, value: str | None) -> str | None:
        if value is not None and not NAME.fullmatch(value):
            raise ValueError("is the old snake_case name, such as shop")
        return value

    @field_validator("description")
    @classmethod
    def _says_grain(cls, value: str) -> str:
        if not value.lower().startswith("one row per "):
            raise ValueError('must start with "One row per ..."')
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        value = "\t" if value in ("\\t", "tab") else value
        if len(value) != 1 or value in '"\r\n' or not value.isascii():
            raise ValueError('must be one ASCII character such as ",", ";" or "\\t"')
        return value

    @field_validator("quote", "escape", "comment")
    @classmethod
    def _one_or_none(cls, value: str) -> str:
        if len(value) > 1 or value in ("\r", "\n") or not value.isascii():
            raise ValueError('must be one ASCII character, or "" for none')
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("is not an IANA time zone such as Europe/Stockholm") from None
        return value

    @model_validator(mode="after")
    def _columns_named(self) -> SourceTable:
        named = [("key", column) for column in self.key]
        named += [(field, getattr(self, field)) for field in ("changed_at", "event_at")]
        if self.delete_marker is not None:
            named.append(("delete_marker", self.delete_marker.column))
        for field, column in named:
            if column is not None and column not in self.columns:
                near = _nearest(column, self.columns)
                raise ValueError(f"{field} names {column}, which is not among columns{near}")
        if self.event_at and self.columns[self.event_at].kind not in ("date", "timestamp"):
            raise ValueError(f"event_at names {self.event_at}, which is no date or timestamp")
        if self.thousands and self.thousands == self.decimal:
            raise ValueError("thousands and decimal cannot be the same character")
        if self.quote and self.quote == self.delimiter:
            raise ValueError("quote and delimiter cannot be the same character")
        self._check_layout()
        headers = [column.name_in_file for column in self.columns.values()]
        if twice := sorted({name for name in headers if headers.count(name) > 1}):
            raise ValueError(f"two columns have the name_in_file {twice[0]!r}")
        return self

    def _check_layout(self) -> None:
        """Refuse fields that contradict each other, or mean nothing for the format."""
        if self.escape == self.quote:
            # Written out or not, a doubled quote is what escapes a quote then.
            object.__setattr__(self, "escape", "")
        if self.escape and (not self.quote or self.escape == self.delimiter):
            raise ValueError("escape goes with quote, and is another character than delimiter")
        if self.comment and self.comment in (self.delimiter, self.quote):
            raise ValueError("comment is another character than delimiter and quote")
        given = {"escape": self.escape, "header": not self.header, "skip_rows": self.skip_rows}
        given |= {"comment": self.comment, "footer": self.footer}
        if self.format != "csv" and (wrong := [field for field, value in given.items() if value]):
            raise ValueError(f"{wrong[0]} is for format: csv, not for {self.format}")
        if self.retention is not None and self.retention.by != "loaded":
            by = self.retention.by
            if by not in self.columns:
                near = _nearest(by, [*self.columns, "loaded"])
                raise ValueError(f"retention.by names {by}, which is not among columns{near}")
            if self.columns[by].kind not in ("date", "timestamp"):
                raise ValueError(f"retention.by names {by}, which is no date or timestamp")
            if not self.is_required(by):
                raise ValueError(
                    f"retention.by names {by}: make it required, so each row has an age"
                )

    @property
    def name(self) -> str:
        """Return the table's name with its layer."""
        return f"sources.{self.system}_{self.table}"

    @property
    def folder(self) -> str:
        """Return the name of its folder in a store."""
        return f"{self.system}_{self.table}"

    @property
    def former_folder(self) -> str | None:
        """Return the name its folder had before it was renamed; None if it was not."""
        if self.formerly is None and self.system_formerly is None:
            return None
        return f"{self.system_formerly or self.system}_{self.formerly or self.table}"

    def is_required(self, column: str) -> bool:
        """Return whether rows without a value in this column are rejected."""
        return self.columns[column].required or column in self.key

    def where(self, field: str = "") -> str:
        """Return ``file:line`` of a field, for messages."""
        return f"{self.file.name}:{self.lines.get(field, self.line)}"

    def reading_hash(self) -> str:
        """Return a hash of what decides how a file is read, and of nothing else."""
        fields = {"format", "encoding", "delimiter", "quote", "decimal", "thousands"}
        fields |= {"null_values", "time_zone", "key", "changed_at", "compression", "escape"}
        fields |= {"header", "skip_rows", "comment", "footer", "numbers", "month_names"}
        reading = self.model_dump(mode="json", include=fields)
        reading["columns"] = {
            name: column.model_dump(mode="json", exclude={"doc", "personal"})
            for name, column in self.columns.items()
        }
        return _hash_of(reading)

    def acceptance_hash(self) -> str:
        """Return a hash of what decides whether a file is accepted."""
        limits = [self.max_rejected_share, self.allow_empty, self.max_shrink_share]
        return _hash_of([self.reading_hash(), *limits])


def load_contracts(folder: Path) -> list[SourceTable]:
    """Return the source tables that the contracts of a folder declare, by name.

    Parameters
    ----------
    folder : Path
        A ``dbt_like_sql/sources`` folder; one that does not exist declares nothing.

    Raises
    ------
    ContractError
        With every problem found: file, line, what, and what to do.
    """
    problems: list[Problem] = []
    tables: list[SourceTable] = []
    for path in sorted(folder.glob("[!_]*.yml")):
        tables += _system_tables(read_yaml(path, problems), problems)
    seen: dict[str, SourceTable] = {}
    for table in tables:
        if (first := seen.setdefault(table.name, table)) is not table:
            problems.append(
                Problem(
                    table.file,
                    table.line,
                    f"{table.name} is declared twice (first in {first.where()})",
                    "rename the system or the table",
                    "duplicate",
                )
            )
    problems += _taken_names(tables)
    if problems:
        raise ContractError(problems)
    return sorted(tables, key=lambda table: table.name)


def renamed_systems(folder: Path) -> dict[str, str]:
    """Return the systems of a folder of contracts that were renamed, former name to new one."""
    if not any("formerly" in path.read_text("utf-8") for path in folder.glob("[!_]*.yml")):
        return {}
    contracts = load_contracts(folder)
    return {c.system_formerly: c.system for c in contracts if c.system_formerly is not None}


def clean_systems(contracts: Sequence[SourceTable]) -> list[str]:
    """Return the systems that are declared to hold one record per customer."""
    return sorted({c.system for c in contracts if c.one_record_per_customer})


def _taken_names(tables: Sequence[SourceTable]) -> list[Problem]:
    """Return a problem for each former name that another table still has."""
    folders = {table.folder: table for table in tables}
    problems = []
    for table in tables:
        other = folders.get(table.former_folder or "")
        if other is not None:
            problems.append(
                Problem(
                    table.file,
                    table.lines.get("formerly", table.line),
                    f"formerly: sources.{table.former_folder} is still declared, in"
                    f" {other.where()}",
                    "a table was renamed or it was not; name another one, or remove the old one",
                    "contract",
                )
            )
    return problems


_SYSTEM_FIELDS = {
    "system": "system",
    "description": "system_description",
    "owner": "owner",
    "trust": "trust",
    "time_zone": "time_zone",
    "prices_include_vat": "prices_include_vat",
    "formerly": "system_formerly",
    "expected_every": "expected_every",
    "licence": "licence",
    "expires": "expires",
    "one_record_per_customer": "one_record_per_customer",
}
_NOT_WRITTEN = frozenset(
    {"system", "table", "system_description", "system_formerly", "file", "line", "lines"}
)
_TABLE_FIELDS = tuple(name for name in SourceTable.model_fields if name not in _NOT_WRITTEN)
_COLUMN_FIELDS = tuple(name for name in Column.model_fields if name != "name")


def _system_tables(source: YamlFile, problems: list[Problem]) -> list[SourceTable]:
    """Return the tables of one contract file."""
    content = source.data
    if not isinstance(content, Mapping) or not content:
        problems.append(_problem(source, (), "a contract holds `system:` and `tables:`"))
        return []
    _check_fields(source, (), content, (*_SYSTEM_FIELDS, "tables"), problems)
    found = len(problems)
    system, tables = content.get("system"), content.get("tables")
    if not isinstance(system, str) or not NAME.fullmatch(system):
        problems.append(_problem(source, ("system",), "system must be a snake_case name"))
    if not isinstance(tables, Mapping) or not tables:
        problems.append(_problem(source, ("tables",), "tables must name at least one table"))
    if len(problems) > found or not isinstance(tables, Mapping):
        return []
    shared = {field: content[key] for key, field in _SYSTEM_FIELDS.items() if key in content}
    made = [_source_table(source, str(name), shared, tables[name], problems) for name in tables]
    return [table for table in made if table is not None]


def _source_table(
    source: YamlFile,
    name: str,
    shared: Mapping[str, Any],
    content: Any,
    problems: list[Problem],
) -> SourceTable | None:
    place = ("tables", name)
    found = len(problems)
    if not isinstance(content, Mapping):
        problems.append(_problem(source, place, f"{name} must hold files, key and columns"))
        return None
    if not NAME.fullmatch(name):
        problems.append(_problem(source, place, f"table names are snake_case, not {name}"))
    _check_fields(source, place, content, _TABLE_FIELDS, problems)
    columns = _columns(source, place, content.get("columns"), problems)
    if len(problems) > found:
        return None
    fields = {**shared, **content, "columns": columns, "table": name}
    fields |= {"file": source.path, "line": source.line(*place), "lines": _lines(source, place)}
    try:
        return SourceTable.model_validate(fields)
    except ValidationError as error:
        problems += [_from_pydantic(source, place, detail) for detail in error.errors()]
        return None


def _columns(
    source: YamlFile, place: tuple[str, ...], content: Any, problems: list[Problem]
) -> dict[str, Column]:
    if not isinstance(content, Mapping) or not content:
        problems.append(_problem(source, place, f"{place[-1]} declares no columns"))
        return {}
    columns = {}
    for name, fields in content.items():
        here = (*place, "columns", name)
        if name in _RESERVED:
            problems.append(_problem(source, here, f"{name} is a name the loader uses itself"))
        elif not isinstance(fields, Mapping):
            problems.append(_problem(source, here, f"{name} must hold at least type and doc"))
        elif _check_fields(source, here, fields, _COLUMN_FIELDS, problems):
            given = {"name_in_file": name, **fields, "name": name}
            try:
                columns[name] = Column.model_validate(given)
            except ValidationError as error:
                problems += [_from_pydantic(source, here, detail) for detail in error.errors()]
    return columns


def _check_fields(
    source: YamlFile,
    place: tuple[str, ...],
    content: Mapping[str, Any],
    known: Sequence[str],
    problems: list[Problem],
) -> bool:
    unknown = [field for field in content if field not in known]
    for field in unknown:
        near = _nearest(field, known) or f"; known here: {', '.join(known)}"
        problems.append(_problem(source, (*place, field), f"unknown field {field}{near}"))
    return not unknown


def _nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _from_pydantic(source: YamlFile, place: tuple[str, ...], detail: Any) -> Problem:
    where = (*place, *detail["loc"])
    if where not in source.lines and detail["loc"][:1] in source.lines:
        where = detail["loc"][:1]  # the table has it from its system
    field = ".".join(str(part) for part in detail["loc"]) or place[-1]
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return _problem(source, place, f"{place[-1]} lacks {field}")
    if detail["loc"] and detail["loc"][-1] == "personal":
        message = f"personal classes are {', '.join(get_args(PersonalClass))}"
    return _problem(source, where, f"{field}: {message}")


def _problem(source: YamlFile, place: tuple[str | int, ...], message: str) -> Problem:
    return Problem(source.path, source.line(*place), message, _HOW_TO, "contract")


def _lines(source: YamlFile, place: tuple[str, ...]) -> dict[str, int]:
    """Return the lines of a table's fields, those it has from its system included."""
    lines = {str(at[0]): line for at, line in source.lines.items() if len(at) == 1}
    depth = len(place)
    for at, line in source.lines.items():
        if len(at) > depth and at[:depth] == place:
            lines[".".join(str(part) for part in at[depth:])] = line
    return lines


def _hash_of(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
