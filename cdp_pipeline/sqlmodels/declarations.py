"""The YAML beside the SQL, typed: ``_tables.yml``, ``_entity.yml``, ``layers.yml``.

Belongs here: the shape of the declarations, and turning what does not fit into problems with a
line. Whether a declared table exists, or its rules name real columns, is for ``load`` to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from cdp_pipeline.sqlmodels.problems import Problem
from cdp_pipeline.sqlmodels.tables import PERSONAL_CLASSES, Rule, RuleKind, Severity
from cdp_pipeline.sqlmodels.yaml_lines import Place, YamlFile, read_yaml

ONE_ROW_PER = re.compile(r"one row per\b", re.IGNORECASE)
TABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
"""How tables and columns are named."""

_PREVIOUS_KEY = "_previous"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    """Let a single name stand for a list of one."""
    return [value] if isinstance(value, str) else value


class ColumnSpec(_Strict):
    """A declared column; `from_` and `drops` say for Python tables what SQL tables show."""

    type: str
    doc: str = Field(min_length=3)
    personal: frozenset[str] = frozenset()
    from_: tuple[str, ...] = Field((), alias="from")
    drops: dict[str, str] = Field(default_factory=dict)

    @field_validator("personal", mode="before")
    @classmethod
    def _classes(cls, value: object) -> object:
        return frozenset(_listed(value)) - {"none"}  # type: ignore[call-overload]

    @field_validator("personal")
    @classmethod
    def _known(cls, value: frozenset[str]) -> frozenset[str]:
        if unknown := sorted(value - PERSONAL_CLASSES):
            raise ValueError(
                f"no personal class is called {', '.join(unknown)}; there are"
                f" {', '.join(sorted(PERSONAL_CLASSES))} and none"
            )
        return value

    @field_validator("from_", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return _listed(value)


class TableSpec(_Strict):
    """An entry of ``_tables.yml`` or a whole ``_entity.yml``."""

    owner: str = Field(min_length=1)
    key: tuple[str, ...] = Field(min_length=1)
    description: str = ""
    made_by: Literal["python", "sql"] = "sql"
    reads: tuple[str, ...] = ()
    columns: dict[str, ColumnSpec] = Field(default_factory=dict)
    rules: tuple[dict[str, Any], ...] = ()

    @field_validator("key", "reads", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return _listed(value)

    @field_validator("columns")
    @classmethod
    def _snake_case(cls, value: dict[str, ColumnSpec]) -> dict[str, ColumnSpec]:
        if wrong := [name for name in value if not TABLE_NAME.fullmatch(name)]:
            raise ValueError(f"{', '.join(wrong)}: column names are snake_case")
        return value


@dataclass(frozen=True)
class Declaration:
    """A table's declaration with its place and its parsed rules."""

    spec: TableSpec
    rules: tuple[Rule, ...]
    source: YamlFile
    place: Place

    @property
    def file(self) -> Path:
        """Return the file it stands in."""
        return self.source.path

    def line(self, *place: str | int) -> int:
        """Return the line of a place within the declaration."""
        return self.source.line(*self.place, *place)


@dataclass(frozen=True)
class LayerDeclarations:
    """Everything one layer's ``_tables.yml`` says.

    `names` holds every entry, those too that do not fit and are not in `tables`; `is_valid` is
    False where the file could not be read, so that nothing is known of what it declares.
    """

    tables: dict[str, Declaration]
    previous: dict[str, dict[str, str]]
    previous_places: dict[str, tuple[Path, int]]
    names: frozenset[str]
    is_valid: bool = True


def layers_in_order(path: Path, problems: list[Problem]) -> tuple[str, ...]:
    """Return the names of the layers as ``layers.yml`` orders them."""
    return tuple(read_yaml(path, problems).data)


def layer_declarations(path: Path, problems: list[Problem]) -> LayerDeclarations:
    """Return what a ``_tables.yml`` declares; entries that do not fit become problems."""
    source = read_yaml(path, problems)
    data = source.data if isinstance(source.data, dict) else {}
    tables = {}
    for name in data:
        if name == _PREVIOUS_KEY:
            continue
        declaration = _declaration(source, (name,), data[name], problems)
        if declaration is not None:
            tables[name] = declaration
    previous = _previous(source, data.get(_PREVIOUS_KEY), problems)
    places = {table: (path, source.line(_PREVIOUS_KEY, table)) for table in previous}
    return LayerDeclarations(tables, previous, places, frozenset(data), source.is_valid)


def entity_declaration(path: Path, problems: list[Problem]) -> Declaration | None:
    """Return what an ``_entity.yml`` declares, or None if it does not fit."""
    source = read_yaml(path, problems)
    declaration = _declaration(source, (), source.data, problems)
    return _described(declaration, problems) if declaration else None


def _declaration(
    source: YamlFile, place: Place, data: object, problems: list[Problem]
) -> Declaration | None:
    try:
        spec = TableSpec.model_validate(data)
    except ValidationError as error:
        for detail in error.errors():
            where = ".".join(str(part) for part in (*place, *detail["loc"]))
            problems.append(
                Problem(
                    source.path,
                    source.line(*place, *detail["loc"]),
                    f"{where}: {_in_words(detail['type'], detail['msg'])}",
                    "see dbt_like_sql/README.md for what an entry holds",
                    "declaration",
                )
            )
        return None
    rules = _rules(source, place, spec.rules, problems)
    declaration = Declaration(spec, rules, source, place)
    return _described(declaration, problems) if spec.made_by == "python" else declaration


def _in_words(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not something an entry can hold"
    return message.removeprefix("Value error, ")


def _described(declaration: Declaration, problems: list[Problem]) -> Declaration:
    """Add problems for what only SQL may leave out: the description and the columns."""
    if not ONE_ROW_PER.match(declaration.spec.description):
        problems.append(
            Problem(
                declaration.file,
                declaration.line("description"),
                'the description does not start with "One row per"',
                'say what one row is: "description: One row per ..."',
                "one_row_per",
            )
        )
    if not declaration.spec.columns:
        problems.append(
            Problem(
                declaration.file,
                declaration.line(),
                "no columns are declared",
                "declare each column with type and doc",
                "columns",
            )
        )
    return declaration


def _previous(source: YamlFile, data: object, problems: list[Problem]) -> dict[str, dict[str, str]]:
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(value, dict) for value in data.values()):
        problems.append(
            Problem(
                source.path,
                source.line(_PREVIOUS_KEY),
                "_previous is not a mapping of table: {column: type}",
                "write _previous: {identity_map: {source: varchar, record_id: varchar}}",
                "declaration",
            )
        )
        return {}
    return {
        table: {column: str(kind) for column, kind in columns.items()}
        for table, columns in data.items()
    }


class _AcceptedValues(_Strict):
    column: str
    values: tuple[str | int | float | bool, ...] = Field(min_length=1)


class _Between(_Strict):
    column: str
    min: int | float | str | None = None
    max: int | float | str | None = None


class _RefersTo(_Strict):
    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]


class _Matches(_Strict):
    column: str
    regex: str


class _RowCount(_Strict):
    at_least: int = Field(ge=0)


_KINDS: tuple[RuleKind, ...] = (
    "not_null",
    "accepted_values",
    "between",
    "refers_to",
    "expression",
    "matches",
    "row_count",
)
_Shape = TypeVar("_Shape", bound=BaseModel)


def _rules(
    source: YamlFile, place: Place, items: tuple[dict[str, Any], ...], problems: list[Problem]
) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for position, item in enumerate(items):
        line = source.line(*place, "rules", position)
        try:
            rules.extend(_rule(dict(item), line))
        except (ValidationError, ValueError) as error:
            problems.append(
                Problem(
                    source.path,
                    line,
                    f"not a rule: {_first_message(error)}",
                    f"a rule is one of {', '.join(_KINDS)}, with severity (block or warn) and why",
                    "declaration",
                )
            )
    return tuple(rules)


def _first_message(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"])
        return f"{where} {_in_words(detail['type'], detail['msg'])}"
    return str(error)


def _rule(item: dict[str, Any], line: int) -> list[Rule]:
    """Return the rules of one list item: `not_null` on two columns makes two."""
    severity: Severity = item.pop("severity", "block")
    why = str(item.pop("why", ""))
    if severity not in ("block", "warn"):
        raise ValueError(f"severity {severity} is neither block nor warn")
    kinds = [kind for kind in _KINDS if kind in item]
    if len(item) != 1 or not kinds:
        raise ValueError(f"it names {', '.join(item) or 'nothing'}")
    kind = kinds[0]
    body = item[kind]
    common: dict[str, Any] = {"kind": kind, "severity": severity, "why": why, "line": line}
    if kind == "not_null":
        columns = [body] if isinstance(body, str) else body
        return [Rule(**common, columns=(str(column),)) for column in columns]
    return [Rule(**common, **_fields(kind, body))]


def _fields(kind: RuleKind, body: Any) -> dict[str, Any]:
    """Return the fields of a `Rule` that its kind needs."""
    if kind == "accepted_values":
        accepted = _AcceptedValues.model_validate(body)
        return {"columns": (accepted.column,), "values": accepted.values}
    if kind == "between":
        between = _Between.model_validate(body)
        return {"columns": (between.column,), "minimum": between.min, "maximum": between.max}
    if kind == "refers_to":
        refers = _RefersTo.model_validate(body)
        if len(refers.columns) != len(refers.to):
            raise ValueError("columns and to have different lengths")
        return {"columns": refers.columns, "table": refers.table, "to": refers.to}
    if kind == "matches":
        matches = _Matches.model_validate(body)
        return {"columns": (matches.column,), "expression": matches.regex}
    if kind == "row_count":
        return {"minimum": _RowCount.model_validate(body).at_least}
    return {"expression": str(body)}
