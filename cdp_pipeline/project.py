"""A home's compiled project: its contracts, all its models, and what it publishes."""

from __future__ import annotations

import yaml

from cdp_pipeline.ingest.contracts import SourceTable, load_contracts
from cdp_pipeline.settings import Home, home_file, package_sql
from cdp_pipeline.sqlmodels import Project, ProjectError, load_project
from cdp_pipeline.warehouse.exports import read_exports

# What may leave in a table outside the vault: ids that mean nothing without our tables.
_OPEN_CLASSES = ("pseudonym",)


def home_contracts(home: Home) -> list[SourceTable]:
    """Return the source contracts of a home, by table name."""
    return load_contracts(home.sql / "sources")


def layers_in_order(home: Home) -> list[str]:
    """Return the layers, first to last."""
    return list(yaml.safe_load(home_file(home, "layers.yml").read_text(encoding="utf-8")))


def load_home_project(home: Home) -> Project:
    """Compile everything a home consists of.

    Raises
    ------
    CdpError
        With every problem found: file, line, what, and what to do.
    """
    project = load_project(
        home.sql,
        package_sql(),
        home_contracts(home),
        cache=home.warehouse / ".compiled",
    )
    exports = read_exports(home, project)
    open_tables = {export.table: _OPEN_CLASSES for export in exports if not export.vault}
    if problems := project.check_exports(open_tables):
        raise ProjectError(problems)
    return project
