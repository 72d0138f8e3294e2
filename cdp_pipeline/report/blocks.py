"""Running the report's queries: ``export.report_blocks``, one row per block of the page."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa

from cdp_pipeline.report.declared import Block, ReportPlan, Section, Shown
from cdp_pipeline.report.pictures import draw
from cdp_pipeline.warehouse.engine import Connection

_SCHEMA = pa.schema(
    [
        ("block", pa.string()),
        ("section", pa.string()),
        ("section_number", pa.int32()),
        ("block_number", pa.int32()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("title", pa.string()),
        ("kind", pa.string()),
        ("about", pa.string()),
        ("says", pa.string()),
        ("note", pa.string()),
        ("content", pa.string()),
        ("svg", pa.string()),
    ]
)
_NARROW_SPACE = "\u202f"
_MINUS = "\u2212"


def report_blocks(con: Connection, plan: ReportPlan) -> dict[str, str]:
    """Run every block's query and draw its picture.

    Parameters
    ----------
    con : Connection
        Sees the tables that the report reads.
    plan : ReportPlan
        What to show.

    Returns
    -------
    dict
        ``export.report_blocks``.
    """
    rows = [
        _block_row(con, section, block, section_number, block_number)
        for section_number, section in enumerate(plan.sections, start=1)
        for block_number, block in enumerate(section.blocks, start=1)
    ]
    con.register("report_block_rows", pa.Table.from_pylist(rows, _SCHEMA))
    return {"export.report_blocks": "report_block_rows"}


def _block_row(
    con: Connection, section: Section, block: Block, section_number: int, block_number: int
) -> dict[str, Any]:
    rows = _rows(con, block.sql)
    return {
        "block": block.name,
        "section": section.name,
        "section_number": section_number,
        "block_number": block_number,
        "question": section.question,
        "answer": section.answer,
        "title": block.title,
        "kind": block.kind if rows else "empty",
        "about": block.about,
        "says": _sentence(con, block, rows) if rows else block.when_empty,
        "note": block.note,
        "content": json.dumps(_content(block, rows), ensure_ascii=False),
        "svg": draw(block.picture, rows, block.title) if block.picture and rows else None,
    }


def _rows(con: Connection, query: str) -> list[dict[str, Any]]:
    relation = con.sql(query)
    names = relation.columns
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


def _sentence(con: Connection, block: Block, rows: list[dict[str, Any]]) -> str:
    """Return what the block says in words, nothing when a figure for it is missing."""
    if not block.says:
        return ""
    facts = _rows(con, block.facts) if block.facts else rows
    if not facts or any(v is None for k, v in facts[0].items() if f"{{{k}" in block.says):
        return ""
    return block.says.format(**{name: _Said(value) for name, value in facts[0].items()})


class _Said:
    """A value in a sentence: ``{orders}`` is written whole, ``{share:percent}`` as a share."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __format__(self, form: str) -> str:
        return written(self.value, form or _default_format(self.value))


def _default_format(value: Any) -> str:
    return "integer" if isinstance(value, int | float | Decimal) else "text"


def _content(block: Block, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the head and the written cells of what is shown, or of a picture's figures."""
    shown = block.figures or block.table
    if not shown and rows:
        shown = {name: Shown(label=name.replace("_", " ")) for name in rows[0]}
    return {
        "head": [[column.label, column.format] for column in shown.values()],
        "rows": [
            [written(row[name], column.format) for name, column in shown.items()] for row in rows
        ],
    }


def written(value: Any, form: str) -> str:
    """Return a value as a reader in the Nordic countries reads it: ``12 345``, ``38 %``."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if form == "percent":
        return f"{_grouped(float(value) * 100, 1)}{_NARROW_SPACE}%"
    if form in ("integer", "money"):
        return _grouped(float(value), 0)
    if form == "decimal":
        return _grouped(float(value), 1)
    if form == "number" or isinstance(value, float):
        return _grouped(float(value), 3)
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat(sep=" ") if isinstance(value, dt.datetime) else value.isoformat()
    return str(value)


def _grouped(value: float, digits: int) -> str:
    text = f"{abs(value):,.{digits}f}".replace(",", _NARROW_SPACE)
    is_negative = value < 0 and any(c not in f"0.{_NARROW_SPACE}" for c in text)
    return f"{_MINUS}{text}" if is_negative else text
