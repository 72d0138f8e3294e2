"""What customers who buy have in common."""

from __future__ import annotations

from cdp_pipeline.defs.insight.settings import insight_rules
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.insight.buyer_attributes import buyer_attributes
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    return Made(buyer_attributes(connection, insight_rules(home).buyer_attributes))


STEP = PythonStep(
    makes=("insight.buyer_attributes",),
    logic=_logic,
    code=(
        "cdp_pipeline.insight.buyer_attributes",
        "cdp_pipeline.insight.rules",
        "cdp_pipeline.declared",
    ),
    settings=lambda home: {"rules": insight_rules(home).buyer_attributes.model_dump_json()},
)
