"""Which questions the data can answer, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.readiness import Questions, limits, load_questions, readiness
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def home_questions(home: Home) -> Questions:
    """Return the questions of the home, else the package's."""
    return load_questions(home_file(home, "export/questions.yml"))


def _logic(connection: Connection, home: Home) -> Made:
    return Made(readiness(connection, home_questions(home)))


def _settings(home: Home) -> Mapping[str, Any]:
    return {"questions": home_questions(home).content_hash, "limits": dict(limits())}


STEP = PythonStep(
    makes=("export.readiness",),
    logic=_logic,
    code=("cdp_pipeline.export.readiness", "cdp_pipeline.declared"),
    settings=_settings,
)
