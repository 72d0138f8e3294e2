"""The one thing to do next for each customer."""

from __future__ import annotations

from cdp_pipeline.action import choose_next_best_actions
from cdp_pipeline.defs.action.action_candidates import catalogue_of, catalogue_setting
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    return Made(choose_next_best_actions(connection, catalogue_of(home)))


STEP = PythonStep(
    makes=("action.next_best_actions",),
    logic=_logic,
    code=(
        "cdp_pipeline.action.arbitration",
        "cdp_pipeline.action.candidates",
        "cdp_pipeline.action.catalogue",
        "cdp_pipeline.action.choice",
        "cdp_pipeline.declared",
        "cdp_pipeline.action.expressions",
    ),
    settings=catalogue_setting,
)
