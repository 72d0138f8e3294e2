"""A home's compiled project: its contracts and all its models."""

from __future__ import annotations

from cdp_pipeline.ingest.contracts import SourceTable, load_contracts
from cdp_pipeline.settings import Home, package_sql
from cdp_pipeline.sqlmodels import Project, load_project


def home_contracts(home: Home) -> list[SourceTable]:
    """Return the source contracts of a home, by table name."""
    return load_contracts(home.sql / "sources")


def load_home_project(home: Home) -> Project:
    """Compile everything a home consists of.

    Raises
    ------
    CdpError
        With every problem found: file, line, what, and what to do.
    """
    return load_project(
        home.sql,
        package_sql(),
        home_contracts(home),
        cache=home.warehouse / ".compiled",
    )
