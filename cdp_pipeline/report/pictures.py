"""Drawing: a Vega-Lite specification and rows become an SVG that needs no network to view."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_WIDTH, _HEIGHT = 430, 220
# Okabe and Ito's colours, told apart with any colour vision.
_CONFIG = {
    "font": "Inter, Segoe UI, Helvetica, Arial, sans-serif",
    "background": "white",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    "axisX": {"grid": False},
    "axisY": {"gridColor": "#e8ecf1"},
    "bar": {"color": "#0072b2"},
    "line": {"color": "#0072b2", "strokeWidth": 2},
    "point": {"color": "#0072b2", "filled": True, "size": 40},
    "rule": {"color": "#7b8794"},
    "range": {
        "category": ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7b8794"],
        "heatmap": {"scheme": "blues"},
    },
}


def draw(picture: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], title: str) -> str:
    """Return the SVG of a picture.

    Parameters
    ----------
    picture : mapping
        A Vega-Lite specification without data.
    rows : sequence of mapping
        Its data.
    title : str
        What it shows, for those who cannot see it.
    """
    import vl_convert

    spec = {
        "$schema": _SCHEMA,
        "width": _WIDTH,
        "height": _HEIGHT,
        **picture,
        "config": _CONFIG,
        "data": {"values": [{k: _plain(v) for k, v in row.items()} for row in rows]},
    }
    svg = vl_convert.vegalite_to_svg(spec)
    return _described(svg, title)


def png(svg: str) -> bytes:
    """Return a picture as PNG, for pages that show no SVG."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(svg, scale=1.5))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def _described(svg: str, title: str) -> str:
    """Scale with the page, and say in words what is shown."""
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return re.sub(r"<svg ", f'<svg role="img" aria-label="{label}" ', svg, count=1)
