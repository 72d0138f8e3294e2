"""What the company decided about its measures and segments, as tables."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.insight.rules import InsightRules, load_rules, rule_tables
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def insight_rules(home: Home) -> InsightRules:
    """Return what the home's ``insight.yml`` says, else the package's."""
    return load_rules(home_file(home, "insight/insight.yml"))


def _logic(connection: Connection, home: Home) -> Made:
    return Made(rule_tables(connection, insight_rules(home)))


STEP = PythonStep(
    makes=("insight.settings", "insight.rfm_borders", "insight.rfm_grid"),
    logic=_logic,
    code=("cdp_pipeline.insight.rules", "cdp_pipeline.declared"),
    settings=lambda home: {"rules": insight_rules(home).content_hash},
)
