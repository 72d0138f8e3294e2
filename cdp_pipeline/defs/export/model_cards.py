"""Model cards as a table."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.model_cards import model_cards
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

MODELS = (
    "identity.linkage_model",
    "prediction.churn_model",
    "prediction.value_model",
    "prediction.subscription_model",
    "prediction.recommendation_model",
    "prediction.lookalike_model",
)


def _logic(connection: Connection, _: Home) -> Made:
    return Made(model_cards(connection, MODELS))


STEP = PythonStep(
    makes=("export.model_cards",), logic=_logic, code=("cdp_pipeline.export.model_cards",)
)
