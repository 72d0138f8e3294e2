"""Each customer's probability of not buying within the horizon, with reasons."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.score import score_churn
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    model = ChurnModel.from_bytes(stored_model(connection, "prediction.churn_model"))
    return Made(score_churn(connection, model, drift_limit=home.settings.drift_limit))


STEP = PythonStep(
    makes=("prediction.churn_predictions", "prediction.churn_drift"),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.calibration",
        "cdp_pipeline.prediction.churn.intervals",
        "cdp_pipeline.prediction.churn.learners",
        "cdp_pipeline.prediction.churn.model",
        "cdp_pipeline.prediction.churn.reasons",
        "cdp_pipeline.prediction.churn.score",
        "cdp_pipeline.prediction.drift",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.threads",
        "cdp_pipeline.prediction.trees",
    ),
    settings=lambda home: {"drift_limit": home.settings.drift_limit},
)
