"""SQL expressions and sentences that a catalogue holds.

Belongs here: what an expression may be, and turning a sentence with ``{column}`` in it into SQL.
Which columns there are is known only where the facts are (``candidates``).
"""

from __future__ import annotations

import string
from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_FORMATS = {
    "": "coalesce(cast({0} as varchar), '-')",
    ".0f": "coalesce(cast(cast(round(({0})::double) as bigint) as varchar), '-')",
    ".0%": "coalesce(cast(cast(round(100 * ({0})::double) as bigint) as varchar) || ' %', '-')",
}


def expression_fault(text: str) -> str | None:
    """Return what is wrong with an expression as such, or None.

    Examples
    --------
    >>> expression_fault("order_count * 2")
    >>> expression_fault("(select 1)")
    'has a query inside; only the columns of one customer can be used'
    """
    try:
        tree = sqlglot.parse_one(f"select ({text})", read="duckdb")
    except SqlglotError:
        return "is not a SQL expression"
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        return "is not one SQL expression"
    if len(list(tree.find_all(exp.Select))) > 1 or tree.args.get("from_"):
        return "has a query inside; only the columns of one customer can be used"
    if any(tree.find_all(exp.AggFunc, exp.Window)):
        return "aggregates over customers; only the columns of one customer can be used"
    return None


def sentence_fault(text: str, fields: Iterable[str] | None = None) -> str | None:
    """Return what is wrong with a sentence, or None.

    Parameters
    ----------
    text : str
        A sentence with fields in braces, as in ``"{order_count} orders"``.
    fields : iterable of str, optional
        The fields there are; any plain name where it is not given.
    """
    known = None if fields is None else set(fields)
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        return f"is not a sentence with fields in braces: {error}"
    for _, field, form, conversion in parts:
        if field is None:
            continue
        if not field.isidentifier() or conversion is not None:
            return f"{{{field}}} is not the name of a column"
        if form not in _FORMATS:
            return f"{{{field}:{form}}}: the formats are {{x}}, {{x:.0f}} and {{x:.0%}}"
        if known is not None and field not in known:
            return f"{{{field}}} is not known here; there are {', '.join(sorted(known))}"
    return None


def sentence_sql(text: str) -> str:
    """Return SQL that gives the sentence with the customer's figures.

    Examples
    --------
    >>> sentence_sql("{order_count} orders")
    "coalesce(cast(order_count as varchar), '-') || ' orders'"
    """
    pieces = []
    for words, field, form, _ in string.Formatter().parse(text):
        if words:
            pieces.append("'" + words.replace("'", "''") + "'")
        if field is not None:
            pieces.append(_FORMATS[form or ""].format(field))
    return " || ".join(pieces) or "''"


def sql_text(text: str) -> str:
    """Return a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"
