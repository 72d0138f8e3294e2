"""What the columns of a table hold, told without telling any value of a person.

Belongs here: filled, distinct, range and the shapes of texts, per column. One pass over a table
gives all but the shapes, which are taken from a sample: the same rows, whatever their order.

What is kept back: a range only of numbers, dates and times that are in no class of personal data;
of texts only shapes (``AA999``, ``aaa@aaa.aa``), only those that at least ten rows of the sample
share, with runs of letters cut to three and nothing after the 24th sign.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from typing import Any

import duckdb

from cdp_pipeline.quality.conditions import identifier
from cdp_pipeline.sqlmodels.tables import Column, Table

Profile = dict[str, Any]

EXACT_UP_TO = 10_000
"""Rows up to which distinct values are counted; beyond, they are estimated (about 2 % off)."""

SAMPLE = 500
"""About how many rows shapes are taken from."""

FEWEST = 10
"""Rows of the sample that must share a shape for it to be told."""

_SHAPES = 5
_LONGEST = 24
_RANGED = ("tinyint", "smallint", "integer", "bigint", "hugeint", "decimal", "date", "timestamp")
_RUN = re.compile(r"A{4,}|a{4,}|9{13,}")
_SHORTENED = {"A": "AAA", "a": "aaa", "9": "9" * 12}


class _Signs(dict[int, str]):
    """What a sign is told as: letters of every script, digits, the usual signs, "?" for others."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        category = unicodedata.category(sign)
        if category == "Lu":
            told = "A"
        elif category[0] in "LM":
            told = "a"
        elif category[0] == "N":
            told = "9"
        else:
            told = sign if " " <= sign <= "~" else "?"
        self[code] = told
        return told


_SIGNS = _Signs()


def profile(con: duckdb.DuckDBPyConnection, table: Table, relation: str) -> list[Profile]:
    """Return a profile of each column of a table, in the order of its columns.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Where `relation` can be read.
    table : Table
        Says types, classes of personal data, and the key.
    relation : str
        What to put after ``from``.

    Returns
    -------
    list of dict
        ``column_name, column_type, personal_classes, row_count, filled_count, distinct_count,
        is_distinct_exact, min_value, max_value, top_patterns``.
    """
    rows = int(con.sql(f"select count(*) from {relation}").fetchall()[0][0])
    measures = [_measures(column, rows) for column in table.columns]
    query = f"select {', '.join(sum(measures, []))} from {relation}"
    values = iter(con.sql(query).fetchall()[0])
    patterns = _patterns(con, table, relation, rows)
    return [
        {
            "column_name": column.name,
            "column_type": column.type,
            "personal_classes": ", ".join(sorted(column.personal)) or "none",
            "row_count": rows,
            "filled_count": next(values),
            "distinct_count": next(values),
            "is_distinct_exact": rows <= EXACT_UP_TO,
            "min_value": next(values),
            "max_value": next(values),
            "top_patterns": patterns.get(column.name),
        }
        for column in table.columns
    ]


def has_range(column: Column) -> bool:
    """Return whether the smallest and the largest value may be told, and mean something."""
    return not column.personal and column.type.startswith(_RANGED)


def _measures(column: Column, rows: int) -> list[str]:
    name = identifier(column.name)
    distinct = (
        f"count(distinct {name})" if rows <= EXACT_UP_TO else f"approx_count_distinct({name})"
    )
    ends = [f"min({name})::varchar", f"max({name})::varchar"] if has_range(column) else ["null"] * 2
    return [f"count({name})", distinct, *ends]


def shape(text: str) -> str:
    """Return the shape of a text: what kinds of signs it is made of.

    Examples
    --------
    >>> shape("Åsa.Berg@example.com")
    'Aaa.Aaaa@aaa.aaa'
    >>> shape("AB-123 45")
    'AA-999 99'
    """
    shaped = _RUN.sub(lambda run: _SHORTENED[run[0][0]], text[:100].translate(_SIGNS))
    return shaped if len(shaped) <= _LONGEST else f"{shaped[:_LONGEST]}…"


def _patterns(
    con: duckdb.DuckDBPyConnection, table: Table, relation: str, rows: int
) -> dict[str, str]:
    """Return for each column of text its commonest shapes with their share, as JSON."""
    texts = [column.name for column in table.columns if column.type == "varchar"]
    if not texts or not rows:
        return {}
    key = ", ".join(map(identifier, table.key))
    sampled = con.sql(
        f"select {', '.join(f'left({identifier(name)}, 100)' for name in texts)} from {relation}"
        f" where hash({key}) % {max(rows // SAMPLE, 1)} = 0"
    ).fetchall()
    values = zip(*sampled, strict=True) if sampled else [()] * len(texts)
    told = {name: _told(Counter(cells)) for name, cells in zip(texts, values, strict=True)}
    return {name: shapes for name, shapes in told.items() if shapes}


def _told(values: Counter[str | None]) -> str:
    """Return the commonest shapes of values, empty where too few rows share any."""
    shapes = Counter[str]()
    for value, count in values.items():
        if value is not None:
            shapes[shape(value)] += count
    total = shapes.total()
    common = sorted((-count, text) for text, count in shapes.items() if count >= FEWEST)
    if not common:
        return ""
    listed = [{"pattern": text, "ratio": round(-n / total, 4)} for n, text in common[:_SHAPES]]
    return json.dumps(listed, ensure_ascii=False)
