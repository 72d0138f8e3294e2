"""What customers feel in what they write, with the words that decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.insight.lexicon import LANGUAGES, load_lexicons
from cdp_pipeline.insight.sentiment import feedback_sentiments
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.store import file_hash


def _paths(home: Home) -> dict[str, Any]:
    return {name: home_file(home, f"insight/lexicons/{name}.yml") for name in LANGUAGES}


def _settings(home: Home) -> Mapping[str, Any]:
    return {name: file_hash(path) for name, path in _paths(home).items()}


def _logic(connection: Connection, home: Home) -> Made:
    return Made(feedback_sentiments(connection, load_lexicons(_paths(home))))


STEP = PythonStep(
    makes=("insight.feedback_sentiments",),
    logic=_logic,
    code=(
        "cdp_pipeline.insight.sentiment",
        "cdp_pipeline.insight.lexicon",
        "cdp_pipeline.declared",
    ),
    settings=_settings,
)
