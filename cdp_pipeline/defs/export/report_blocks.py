"""What the report shows; the release puts it together as ``report.html``."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator

import dagster as dg
import pyarrow.parquet as pq

from cdp_pipeline.defs.tables import Observed, PythonStep
from cdp_pipeline.report.blocks import report_blocks
from cdp_pipeline.report.declared import ReportPlan, load_report
from cdp_pipeline.report.pictures import png
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.warehouse import Made, TableVersion
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.store import Store


def _plan(home: Home) -> ReportPlan:
    return load_report(home_file(home, "export/report.yml"))


def _logic(connection: Connection, home: Home) -> Made:
    return Made(report_blocks(connection, _plan(home)))


def _pictures(store: Store, version: TableVersion) -> Iterator[Observed]:
    """Yield the pictures for the page of the table that they are about."""
    shown: dict[str, dict[str, dg.MarkdownMetadataValue]] = defaultdict(dict)
    for block in pq.read_table(store.paths(version)).to_pylist():
        if block["svg"] and block["about"]:
            image = base64.b64encode(png(block["svg"])).decode()
            text = f"{block['says']}\n\n![{block['title']}](data:image/png;base64,{image})"
            shown[block["about"]][block["title"]] = dg.MetadataValue.md(text.strip())
    yield from shown.items()


STEP = PythonStep(
    makes=("export.report_blocks",),
    logic=_logic,
    code=("cdp_pipeline.report.blocks", "cdp_pipeline.report.pictures"),
    settings=lambda home: {"report": _plan(home).content_hash},
    observes=_pictures,
)
