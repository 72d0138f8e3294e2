"""The release: everything that is published, switched to in one step."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from cdp_pipeline.defs.resources import HomeResource
from cdp_pipeline.defs.tables import asset_key
from cdp_pipeline.errors import CdpError
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse.exports import read_exports
from cdp_pipeline.warehouse.release import publish


def release_asset(home: Home, project: Project) -> dg.AssetsDefinition:
    """Return the asset that publishes the tables of ``export/exports.yml``."""
    exports = read_exports(home, project)

    @dg.asset(
        key=["export", "release"],
        deps=[asset_key(export.table) for export in exports],
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
            published, is_new = publish(home.warehouse(project), exports)
        except CdpError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        tables = published.manifest["tables"]
        yield dg.MaterializeResult(
            metadata={
                "release": published.name,
                "new": is_new,
                "folder": dg.MetadataValue.path(str(published.folder)),
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
