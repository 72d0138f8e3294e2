"""Data Docs of a home: what each table's last run left, as a site.

Belongs here: gathering it. What the pages look like stands in ``quality.rendering``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cdp_pipeline.quality.data_docs import Checked, Site, draw_site
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse.step import python_code
from cdp_pipeline.warehouse.store import Store

PROFILES = "export.column_profiles"


def data_docs(home: Home, project: Project) -> Site:
    """Bring the site of a home up to date with its tables.

    It tells of the tables as they are, those too that no release was made of: a rule that
    stopped a release is seen here.
    """
    heads = Store(home).heads()
    profiles = _profiles(home)
    order = {layer: place for place, layer in enumerate(project.layers)}
    names = sorted(set(project.tables) & set(heads), key=lambda n: (order[n.split(".")[0]], n))
    tables = [
        Checked(
            project.tables[name], heads[name].row_count, heads[name].checks, profiles.get(name, [])
        )
        for name in names
    ]
    code = python_code("cdp_pipeline.quality", "cdp_pipeline.templates.data_docs")
    title = f"{home.settings.company}: Data Docs"
    return draw_site(folder_of(home), tables, title=title, version=code)


def folder_of(home: Home) -> Path:
    """Return the folder of a home's site."""
    return home.databases / "data_docs"


def _profiles(home: Home) -> dict[str, list[dict[str, Any]]]:
    store = Store(home)
    head = store.head(PROFILES)
    found: dict[str, list[dict[str, Any]]] = {}
    if head is not None and all(path.exists() for path in store.paths(head)):
        for row in pq.read_table(store.paths(head)).to_pylist():
            found.setdefault(row["table_name"], []).append(row)
    return found
