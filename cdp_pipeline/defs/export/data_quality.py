"""Data quality as a table."""

from __future__ import annotations

from collections.abc import Sequence

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.data_quality import (
    check_results,
    data_quality,
    expectations,
    last_tables,
)
from cdp_pipeline.project import load_home_project
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    return Made(data_quality(connection, home))


def _reads(home: Home) -> Sequence[str]:
    return last_tables(load_home_project(home))


def _settings(home: Home) -> dict[str, object]:
    return {"checks": check_results(home), "sources": expectations(home)}


STEP = PythonStep(
    makes=("export.data_quality",),
    logic=_logic,
    code=("cdp_pipeline.export.data_quality",),
    settings=_settings,
    more_reads=_reads,
)
