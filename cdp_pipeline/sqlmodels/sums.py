"""Aggregates whose result depends on the order of the rows, because they add up doubles.

Belongs here: finding them. What a column's type is only the engine knows for sure, so each sum
and average gets a marker, and the engine's own plan says what it sums.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from cdp_pipeline.sqlmodels.dry_run import DryRun, DryRunError
from cdp_pipeline.sqlmodels.statements import ParsedModel

_EXACT_OVER_DECIMALS = {"sum", "avg", "mean"}
_ALWAYS_DOUBLE = {
    "corr",
    "covar_pop",
    "covar_samp",
    "favg",
    "fsum",
    "geomean",
    "geometric_mean",
    "kahan_sum",
    "kurtosis",
    "kurtosis_pop",
    "product",
    "regr_avgx",
    "regr_avgy",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "sem",
    "skewness",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sumkahan",
    "var_pop",
    "var_samp",
    "variance",
}
_MARK = "mark:"


def double_sums(model: ParsedModel, dry_run: DryRun) -> list[tuple[str, int]]:
    """Return name and line of each aggregate over doubles that is not rounded at once."""
    calls = {
        position: token
        for position, token in enumerate(model.tokens)
        if _is_call(model.tokens, position, _EXACT_OVER_DECIMALS | _ALWAYS_DOUBLE)
    }
    rounded = _rounded_starts(model)
    candidates = {p: token for p, token in calls.items() if token.start not in rounded}
    open_ = [p for p, token in candidates.items() if token.text.lower() in _EXACT_OVER_DECIMALS]
    double = _over_doubles(model, open_, dry_run) if open_ else set()
    return [
        (token.text.lower(), token.line)
        for position, token in candidates.items()
        if position in double or token.text.lower() in _ALWAYS_DOUBLE
    ]


def _is_call(tokens: list[Token], position: int, names: set[str]) -> bool:
    return (
        tokens[position].text.lower() in names
        and position + 1 < len(tokens)
        and tokens[position + 1].token_type == TokenType.L_PAREN
    )


def _rounded_starts(model: ParsedModel) -> set[int]:
    """Return where the aggregates start that stand directly in a ``round(...)``."""
    starts = set()
    for outer in model.nodes(exp.Round):
        node = outer.this
        while isinstance(node, (exp.Filter, exp.Window, exp.Paren)):
            node = node.this
        if "start" in node.meta:
            starts.add(node.meta["start"])
    return starts


def _over_doubles(model: ParsedModel, positions: list[int], dry_run: DryRun) -> set[int]:
    try:
        plan = dry_run.plan(_marked(model, positions))
    except DryRunError:
        return set()  # a plan that cannot be shown; the statement itself has compiled
    found: set[int] = set()
    for node in _aggregates(json.loads(plan)):
        types = {child.get("return_type", {}).get("id") for child in node.get("children", [])}
        if types & {"DOUBLE", "FLOAT"}:
            rest = json.dumps({name: value for name, value in node.items() if name != "children"})
            found.update(position for position in positions if f'"{_MARK}{position}"' in rest)
    return found


def _marked(model: ParsedModel, positions: list[int]) -> str:
    """Return the statement with a condition at each call that is true and names it."""
    inserts: list[tuple[int, str]] = []
    tokens = model.tokens
    for position in positions:
        mark = f"'{_MARK}{position}' is not null"
        close = _closing(tokens, position + 1)
        if close + 3 < len(tokens) and tokens[close + 1].token_type == TokenType.FILTER:
            end = _closing(tokens, close + 2)
            inserts.append((tokens[close + 3].end + 1, f" {mark} and ("))
            inserts.append((tokens[end].start, ")"))
        else:
            inserts.append((tokens[close].end + 1, f" filter (where {mark})"))
    text = model.text
    for place, words in sorted(inserts, reverse=True):
        text = text[:place] + words + text[place:]
    return text.rstrip().rstrip(";")


def _closing(tokens: list[Token], opening: int) -> int:
    depth = 0
    for position in range(opening, len(tokens)):
        if tokens[position].token_type == TokenType.L_PAREN:
            depth += 1
        elif tokens[position].token_type == TokenType.R_PAREN:
            depth -= 1
        if depth == 0:
            return position
    return len(tokens) - 1


def _aggregates(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, dict):
        if plan.get("expression_class") in ("BOUND_AGGREGATE", "BOUND_WINDOW"):
            yield plan
        for value in plan.values():
            yield from _aggregates(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _aggregates(value)
