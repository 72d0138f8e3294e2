"""The waterfall of two records as a picture.

Belongs here: the Vega-Lite specification and its rows. Does not belong here: drawing (``report``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from cdp_pipeline.explain.scoring import MISSING
from cdp_pipeline.report.pictures import draw

if TYPE_CHECKING:
    from cdp_pipeline.explain.pairs import Comparison
    from cdp_pipeline.explain.texts import Texts

_FOR, _AGAINST, _SUM = "#0072b2", "#d55e00", "#7b8794"


def waterfall_svg(comparison: Comparison, texts: Texts) -> str:
    """Return the waterfall as SVG: one bar per comparison, and a line at the threshold."""
    rows = _rows(comparison, texts)
    title = texts.say("picture", left=comparison.left.name, right=comparison.right.name)
    return draw(_specification(rows, comparison, title), rows, title)


def waterfall_page(comparison: Comparison, texts: Texts) -> str:
    """Return a page of HTML with the sentence and the picture."""
    return (
        f'<!doctype html><html lang="{texts.language}"><meta charset="utf-8">'
        f"<title>{escape(comparison.left.name)} – {escape(comparison.right.name)}</title>"
        '<body style="font-family: sans-serif; max-width: 50em; margin: 2em auto">'
        f"<p>{escape(comparison.sentence)}</p>{waterfall_svg(comparison, texts)}</body></html>\n"
    )


def _rows(comparison: Comparison, texts: Texts) -> list[dict[str, Any]]:
    """Return the bars: from and to, in order."""
    rows = [_bar(0, texts.say("table.prior"), 0.0, comparison.prior, _SUM)]
    before = comparison.prior if comparison.start is None else comparison.start
    if comparison.start is not None and abs(before - comparison.prior) > 1e-6:
        rows.append(_bar(len(rows), texts.say("table.correction"), comparison.prior, before, _SUM))
    for step in comparison.steps:
        if step.place != MISSING:
            label = f"{texts.column(step.column)}: {texts.level(step.level)}"
            colour = _FOR if step.bits >= 0 else _AGAINST
            rows.append(_bar(len(rows), label, before, step.total, colour))
        before = step.total
    rows.append(_bar(len(rows), texts.say("table.total"), 0.0, before, _SUM))
    return rows


def _bar(place: int, label: str, start: float, end: float, colour: str) -> dict[str, Any]:
    return {
        "place": place,
        "label": label,
        "start": round(start, 2),
        "end": round(end, 2),
        "bits": f"{end - start:+.1f}",
        "colour": colour,
        "edge": round(max(start, end), 2),
    }


def _specification(
    rows: list[dict[str, Any]], comparison: Comparison, title: str
) -> dict[str, Any]:
    order = [row["label"] for row in rows]
    y = {"field": "label", "type": "nominal", "sort": order, "title": None,
         "axis": {"labelLimit": 320, "grid": False}}  # fmt: skip
    threshold = round(comparison.threshold, 2)
    return {
        "width": 460,
        "height": {"step": 26},
        "title": {"text": title, "anchor": "start", "fontSize": 13},
        "layer": [
            {
                "mark": {"type": "bar", "height": 16},
                "encoding": {
                    "y": y,
                    "x": {"field": "start", "type": "quantitative", "title": "bits"},
                    "x2": {"field": "end"},
                    "color": {"field": "colour", "type": "nominal", "scale": None},
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 11},
                "encoding": {
                    "y": y,
                    "x": {"field": "edge", "type": "quantitative"},
                    "text": {"field": "bits"},
                },
            },
            {
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": "black"},
                "encoding": {"x": {"datum": threshold}},
            },
        ],
    }


def threshold_svg(rows: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return precision, recall and F1 over thresholds as SVG, with a line at today's."""
    measures = [
        {"threshold": row["threshold"], "measure": name, "value": row[name]}
        for row in rows
        for name in ("precision", "recall", "f1")
    ]
    current = next(row["threshold"] for row in rows if row["is_current"])
    specification = {
        "layer": [
            {
                "mark": {"type": "line", "point": True},
                "encoding": {
                    "x": {"field": "threshold", "type": "quantitative", "title": "bits"},
                    "y": {
                        "field": "value",
                        "type": "quantitative",
                        "title": None,
                        "scale": {"zero": False},
                    },
                    "color": {"field": "measure", "type": "nominal", "title": None},
                },
            },
            {
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": "black"},
                "encoding": {"x": {"datum": current}},
            },
        ]
    }
    return draw(specification, measures, title)
