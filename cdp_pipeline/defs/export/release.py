"""The release: everything that is published, switched to in one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from cdp_pipeline.defs.resources import HomeResource
from cdp_pipeline.defs.tables import asset_key
from cdp_pipeline.errors import CdpError
from cdp_pipeline.report import page
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse import Warehouse
from cdp_pipeline.warehouse.exports import read_exports
from cdp_pipeline.warehouse.release import publish

REPORT_BLOCKS = "export.report_blocks"


def release_asset(home: Home, project: Project) -> dg.AssetsDefinition:
    """Return the asset that publishes the tables of ``export/exports.yml``."""
    exports = read_exports(home, project)

    @dg.asset(
        key=["export", "release"],
        deps=[asset_key(table) for table in [*(e.table for e in exports), REPORT_BLOCKS]],
        group_name="export",
        owners=["team:export"],
        kinds={"parquet", "duckdb"},
        retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
        description=(
            "One folder per release under data/exports/releases, and the switch of latest to it. "
            "Published only if all tables fit together and no blocking check fails."
        ),
    )
    def release(home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
        try:
            published, is_new = publish(
                warehouse := home.warehouse(project),
                exports,
                documents={page.FILE: partial(_report, warehouse)},
                also_needs=[REPORT_BLOCKS],
            )
        except CdpError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        tables = published.manifest["tables"]
        yield dg.MaterializeResult(
            metadata={
                "release": published.name,
                "new": is_new,
                "folder": dg.MetadataValue.path(str(published.folder)),
                "report": dg.MetadataValue.path(str(published.folder / page.FILE)),
                "tables": len(tables),
                "dagster/row_count": sum(entry["rows"] for entry in tables.values()),
                "rows per table": dg.MetadataValue.json(
                    {name: entry["rows"] for name, entry in tables.items()}
                ),
                "checks passed": published.manifest["checks"]["passed"],
                "checks warned": published.manifest["checks"]["warned"],
            }
        )

    return release


def _report(warehouse: Warehouse, manifest: Mapping[str, Any]) -> str:
    """Return the page of the release, from the blocks that fit its tables."""
    head = warehouse.store.needed_head(REPORT_BLOCKS, by="the report")
    blocks = pq.read_table(warehouse.store.paths(head)).to_pylist()
    blocks.sort(key=lambda block: (block["section_number"], block["block_number"]))
    return page.report_page(manifest, blocks)
