"""What each customer is expected to spend within the horizon, and within 365 days."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.score import score_value
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    model = ValueModel.from_bytes(stored_model(connection, "prediction.value_model"))
    return Made(score_value(connection, model, drift_limit=home.settings.drift_limit))


STEP = PythonStep(
    makes=("prediction.customer_value", "prediction.value_drift"),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.drift",
        "cdp_pipeline.prediction.gamma_gamma",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.threads",
        "cdp_pipeline.prediction.trees",
        "cdp_pipeline.prediction.value.buying",
        "cdp_pipeline.prediction.value.intervals",
        "cdp_pipeline.prediction.value.learners",
        "cdp_pipeline.prediction.value.level",
        "cdp_pipeline.prediction.value.model",
        "cdp_pipeline.prediction.value.samples",
        "cdp_pipeline.prediction.value.score",
    ),
    settings=lambda home: {"drift_limit": home.settings.drift_limit},
)
