"""Profiles of columns as a table."""

from __future__ import annotations

from collections.abc import Sequence

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.column_profiles import column_profiles, profiled_tables
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.step import python_code

_CODE = ("cdp_pipeline.export.column_profiles", "cdp_pipeline.quality.profiles")


def _reads(home: Home) -> Sequence[str]:
    return profiled_tables(home, load_home_project(home))


def _classes(home: Home) -> dict[str, object]:
    """Return what of the contracts decides the result beside the tables' contents."""
    tables = load_home_project(home).tables
    return {
        name: [(c.name, sorted(c.personal)) for c in tables[name].columns] for name in _reads(home)
    }


def _logic(connection: Connection, home: Home) -> Made:
    project = load_home_project(home)
    tables = [project.tables[name] for name in profiled_tables(home, project)]
    return Made(column_profiles(connection, home, tables, code=python_code(*_CODE)))


STEP = PythonStep(
    makes=("export.column_profiles",),
    logic=_logic,
    code=_CODE,
    settings=_classes,
    more_reads=_reads,
)
