"""From declared rules to an expectation suite: one suite per table.

Belongs here: which expectation says which rule, and which metric counts the rows that break it.
The rules themselves are declared in ``_tables.yml``, ``_entity.yml`` and the source contracts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cdp_pipeline.quality.conditions import holds
from cdp_pipeline.quality.expectations import (
    ROWS,
    ExpectColumnsToReferToTable,
    ExpectColumnTypesToBe,
    ExpectColumnValuesToMatchWholly,
    ExpectKeyToBeUnique,
    ExpectRowsToKeepCondition,
)
from cdp_pipeline.quality.library import ColumnMapExpectation, Expectation, ExpectationSuite, gxe
from cdp_pipeline.sqlmodels.tables import Rule, Severity, Table

_SEVERITIES: Mapping[Severity, str] = {"block": "critical", "warn": "warning"}


@dataclass(frozen=True)
class Check:
    """A rule with the expectation that says it.

    Attributes
    ----------
    sentence : str
        The rule as a sentence.
    severity : {'block', 'warn'}
    why : str
        Why the rule is there, as declared.
    line : int
        Where it is declared, 0 for what follows from the key or the contract.
    expectation : Expectation
    at_least : int or None
        For a rule about the number of rows, how many there should be.
    """

    sentence: str
    severity: Severity
    why: str
    line: int
    expectation: Expectation
    at_least: int | None = None

    @property
    def counted(self) -> str:
        """Name of the metric that counts the rows that break the rule."""
        if self.at_least is not None:
            return ROWS
        if isinstance(self.expectation, ColumnMapExpectation):
            return f"{self.expectation.map_metric}.unexpected_count"
        name: str = self.expectation.counted
        return name

    def failing(self, counted: int) -> int:
        """Return the rows that break the rule, given what its metric counted."""
        return counted if self.at_least is None else max(self.at_least - counted, 0)


def suite(table: Table) -> ExpectationSuite:
    """Return the expectation suite of a table, as Great Expectations knows it."""
    return ExpectationSuite(
        name=table.name, expectations=[check.expectation for check in checks(table)]
    )


def checks(table: Table) -> list[Check]:
    """Return the key, what the contract says, and every declared rule, in this order."""
    return [*_key(table), *_contract(table), *(_declared(rule) for rule in table.rules)]


def _key(table: Table) -> Iterator[Check]:
    if not table.key:
        return
    listed = ", ".join(table.key)
    unique = ExpectKeyToBeUnique(columns=list(table.key), **_about(f"{listed} is unique", "block"))
    yield Check(f"{listed} is unique", "block", "key", 0, unique)
    for column in table.key:
        yield _never_null(column, "block", "key", 0)


def _contract(table: Table) -> Iterator[Check]:
    """Yield what a source contract says of every row that was accepted."""
    if table.made_by != "source":
        return
    sentence = "columns have the types of the contract"
    types = {column.name: column.type for column in table.columns}
    expectation = ExpectColumnTypesToBe(types=types, **_about(sentence, "block"))
    yield Check(sentence, "block", "contract", 0, expectation)


def _declared(rule: Rule) -> Check:
    at_least = int(rule.minimum or 0) if rule.kind == "row_count" else None
    return Check(rule.text, rule.severity, rule.why, rule.line, _expectation(rule), at_least)


def _never_null(column: str, severity: Severity, why: str, line: int) -> Check:
    sentence = f"{column} is never null"
    expectation = gxe.ExpectColumnValuesToNotBeNull(column=column, **_about(sentence, severity))
    return Check(sentence, severity, why, line, expectation)


def _about(sentence: str, severity: Severity, why: str = "") -> dict[str, object]:
    """Return what Great Expectations keeps beside an expectation."""
    return {"severity": _SEVERITIES[severity], "description": sentence, "notes": why or None}


def _expectation(rule: Rule) -> Expectation:
    about = _about(rule.text, rule.severity, rule.why)
    column = rule.columns[0] if rule.columns else ""
    if rule.kind == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(column=column, **about)
    if rule.kind == "accepted_values":
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(rule.values), **about)
    if rule.kind == "between" and not _has_text_bounds(rule):
        low, high = rule.minimum, rule.maximum
        return gxe.ExpectColumnValuesToBeBetween(
            column=column, min_value=low, max_value=high, **about
        )
    if rule.kind == "matches":
        return ExpectColumnValuesToMatchWholly(column=column, regex=rule.expression, **about)
    if rule.kind == "row_count":
        return gxe.ExpectTableRowCountToBeBetween(min_value=int(rule.minimum or 0), **about)
    if rule.kind == "refers_to":
        return ExpectColumnsToReferToTable(
            columns=list(rule.columns), other_table=rule.table, other_columns=list(rule.to), **about
        )
    return ExpectRowsToKeepCondition(condition=holds(rule), **about)


def _has_text_bounds(rule: Rule) -> bool:
    """Return whether a bound is text or a day, which the stock expectation would take for a date.

    DuckDB compares it with the column as what the column is.
    """
    return isinstance(rule.minimum, str) or isinstance(rule.maximum, str)
