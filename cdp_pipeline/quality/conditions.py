"""The rules of a table as SQL.

Belongs here: for each kind of rule the condition a row must keep, so that evaluating a rule and
checking that it compiles use the same words. Which rules a table has is declared beside it.
"""

from __future__ import annotations

from cdp_pipeline.sqlmodels.tables import Rule


def holds(rule: Rule) -> str:
    """Return the condition of a row-wise rule, true where the row keeps it; null counts as kept.

    Examples
    --------
    >>> holds(Rule("between", columns=("score",), minimum=1, maximum=5))
    '"score" >= 1 and "score" <= 5'
    """
    if rule.kind == "expression":
        return f"({rule.expression})"
    column = identifier(rule.columns[0])
    if rule.kind == "not_null":
        return f"{column} is not null"
    if rule.kind == "accepted_values":
        return f"{column} in ({', '.join(literal(value) for value in rule.values)})"
    if rule.kind == "matches":
        return f"regexp_full_match({column}, {literal(rule.expression)})"
    if rule.kind == "between":
        bounds = [(">=", rule.minimum), ("<=", rule.maximum)]
        return " and ".join(
            f"{column} {sign} {literal(bound)}" for sign, bound in bounds if bound is not None
        )
    raise ValueError(f"{rule.kind} is not about single rows")


def is_row_wise(rule: Rule) -> bool:
    """Return whether a rule can be told from each row alone."""
    return rule.kind not in ("refers_to", "row_count")


def compile_check(rule: Rule, table: str) -> str:
    """Return a statement that compiles exactly when the rule can be evaluated on `table`."""
    if rule.kind == "row_count":
        return f"select count(*) from {table}"
    if rule.kind == "refers_to":
        pairs = " and ".join(
            f"here.{identifier(column)} = there.{identifier(other)}"
            for column, other in zip(rule.columns, rule.to, strict=True)
        )
        return f"select 1 from {table} as here inner join {rule.table} as there on {pairs}"
    return f"select 1 from {table} where not ({holds(rule)})"


def identifier(name: str) -> str:
    """Return a column name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int | float | bool) -> str:
    """Return a declared value as SQL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("'", "''") + "'"
