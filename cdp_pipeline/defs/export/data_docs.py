"""Data Docs: every table's rules and what came of them, as pages to read."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from cdp_pipeline.defs.resources import HomeResource
from cdp_pipeline.defs.tables import asset_key
from cdp_pipeline.export.data_docs import data_docs
from cdp_pipeline.sqlmodels import Project


def data_docs_asset(project: Project) -> dg.AssetsDefinition:
    """Return the asset that brings the pages up to date when every table is made."""
    read = {name for table in project.tables.values() for name in table.reads}
    last = [name for name in project.tables if name not in read]

    @dg.asset(
        key=["export", "data_docs"],
        deps=[asset_key(name) for name in last],
        group_name="export",
        owners=["team:export"],
        kinds={"greatexpectations"},
        description=(
            "One page per table in data/warehouse/data_docs: its rules, what came of them, its "
            "columns. Without values of persons, and without a line from the network. Where a "
            "blocking rule stops the run before this, `cdp docs` draws the pages."
        ),
    )
    def site(home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
        drawn = data_docs(home.home, project)
        yield dg.MaterializeResult(
            metadata={
                "open": dg.MetadataValue.url(drawn.index.as_uri()),
                "file": dg.MetadataValue.path(str(drawn.index)),
                "pages": drawn.pages,
                "pages drawn anew": drawn.drawn,
            }
        )

    return site
