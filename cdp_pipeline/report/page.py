"""``report.html`` of a release: its blocks, its manifest, and no link to the network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "report"
_NUMBERS = frozenset({"integer", "decimal", "number", "money", "percent"})
FILE = "report.html"
# From the folder of a release, where `cdp report` and Dagster open the page.
DATA_DOCS = "../../../warehouse/data_docs/index.html"


def report_page(manifest: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of a release.

    Parameters
    ----------
    manifest : mapping
        The release's manifest.
    blocks : sequence of mapping
        The rows of ``export.report_blocks``, in the page's order.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [
        {"name": name, "blocks": [_with_cells(block) for block in members]}
        for name, members in groupby(blocks, key=itemgetter("section"))
    ]
    return environment.get_template("report.html.j2").render(
        manifest=manifest, sections=sections, docs=DATA_DOCS
    )


def _with_cells(block: Mapping[str, Any]) -> dict[str, Any]:
    content = json.loads(block["content"])
    head = [
        {"label": label, "style": "n" if form in _NUMBERS else "d" if form == "date" else "t"}
        for label, form in content["head"]
    ]
    return {**block, "head": head, "rows": content["rows"]}
