"""The rules of a table, evaluated on its rows.

Belongs here: as few scans as possible, and results that hold counts and never values. One
aggregate query answers every rule about single rows, one the key, one each rule that refers to
another table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from cdp_pipeline.quality.conditions import holds, identifier, is_row_wise
from cdp_pipeline.sqlmodels.tables import Rule, Severity, Table


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What came of one rule.

    Parameters
    ----------
    rule : str
        The rule as a sentence.
    severity : {'block', 'warn'}
    passed : bool
    failing_count : int
        Rows that break the rule.
    total_count : int
        Rows that were looked at.
    why : str
        Why the rule is there, as declared.
    """

    rule: str
    severity: Severity
    passed: bool
    failing_count: int
    total_count: int
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "passed": self.passed,
            "failing_count": self.failing_count,
            "total_count": self.total_count,
            "why": self.why,
        }


def evaluate(con: duckdb.DuckDBPyConnection, table: Table, relation: str) -> list[RuleResult]:
    """Return the result of the key and of every rule of a table, in declared order.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Where `relation`, and each table that a rule refers to, can be read.
    table : Table
    relation : str
        What to put after ``from``: a table, a view, or ``read_parquet('...')``.
    """
    row_wise = [rule for rule in table.rules if is_row_wise(rule)]
    total, null_counts, failing = _single_rows(con, table.key, row_wise, relation)
    counts = dict(zip(map(id, row_wise), failing, strict=True))
    results = []
    if table.key:
        results.append(_key_result(con, table.key, relation, total))
        results.extend(
            RuleResult(f"{column} is never null", "block", count == 0, count, total, "key")
            for column, count in zip(table.key, null_counts, strict=True)
        )
    for rule in table.rules:
        if rule.kind == "refers_to":
            count = _unmatched(con, rule, relation)
        elif rule.kind == "row_count":
            count = max(int(rule.minimum or 0) - total, 0)
        else:
            count = counts[id(rule)]
        results.append(RuleResult(rule.text, rule.severity, count == 0, count, total, rule.why))
    return results


def _single_rows(
    con: duckdb.DuckDBPyConnection, key: Sequence[str], rules: Sequence[Rule], relation: str
) -> tuple[int, list[int], list[int]]:
    """Return the rows, those with a null in each key column, those that fail each rule."""
    nulls = [f"count(*) - count({identifier(column)})" for column in key]
    fails = [f"count(*) filter (where not ({holds(rule)}))" for rule in rules]
    query = f"select {', '.join(['count(*)', *nulls, *fails])} from {relation}"
    total, *counts = con.sql(query).fetchall()[0]
    return total, counts[: len(key)], counts[len(key) :]


def _key_result(
    con: duckdb.DuckDBPyConnection, key: Sequence[str], relation: str, total: int
) -> RuleResult:
    repeated = 0 if _is_ascending(con, key, relation, total) else _repeated(con, key, relation)
    return RuleResult(f"{', '.join(key)} is unique", "block", repeated == 0, repeated, total, "key")


def _is_ascending(
    con: duckdb.DuckDBPyConnection, key: Sequence[str], relation: str, total: int
) -> bool:
    """Return whether each row's key is greater than the one before it.

    Tables are written in the order of their key, so one pass usually proves that it is unique, at
    a fifth of the cost of grouping by it. In whatever order the rows come: where each key is
    greater than the last, no two are equal.
    """
    columns = ", ".join(identifier(column) for column in key)
    befores = ", ".join(
        f"lag({identifier(column)}) over () as before_{place}" for place, column in enumerate(key)
    )
    greater = "false"
    for place, column in reversed(list(enumerate(key))):
        here, before = identifier(column), f"before_{place}"
        greater = f"({here} > {before} or ({here} = {before} and {greater}))"
    query = f"""
        select count(*) filter (where {greater})
        from (select {columns}, {befores} from {relation})
    """
    ascending: int = con.sql(query).fetchall()[0][0]
    return ascending >= total - 1


def _repeated(con: duckdb.DuckDBPyConnection, key: Sequence[str], relation: str) -> int:
    """Return the rows that share their key with another."""
    columns = ", ".join(identifier(column) for column in key)
    query = f"""
        select coalesce(sum(row_count), 0)::bigint
        from (
            select count(*) as row_count from {relation} group by {columns} having count(*) > 1
        )
    """
    count: int = con.sql(query).fetchall()[0][0]
    return count


def _unmatched(con: duckdb.DuckDBPyConnection, rule: Rule, relation: str) -> int:
    """Return the rows whose reference is complete and leads nowhere."""
    pairs = " and ".join(
        f"here.{identifier(column)} = there.{identifier(other)}"
        for column, other in zip(rule.columns, rule.to, strict=True)
    )
    complete = " and ".join(f"here.{identifier(column)} is not null" for column in rule.columns)
    query = f"""
        select count(*)
        from {relation} as here
        anti join {rule.table} as there on {pairs}
        where {complete}
    """
    count: int = con.sql(query).fetchall()[0][0]
    return count
