"""Each customer's products to recommend, with reasons."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.prediction.recommendations.model import RecommendationModel
from cdp_pipeline.prediction.recommendations.score import score_recommendations
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, _: Home) -> Made:
    payload = stored_model(connection, "prediction.recommendation_model")
    return Made(score_recommendations(connection, RecommendationModel.from_bytes(payload)))


STEP = PythonStep(
    makes=("prediction.product_recommendations",),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.calibration",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.recommendations.candidates",
        "cdp_pipeline.prediction.recommendations.model",
        "cdp_pipeline.prediction.recommendations.past",
        "cdp_pipeline.prediction.recommendations.purchases",
        "cdp_pipeline.prediction.recommendations.score",
        "cdp_pipeline.prediction.recommendations.stock",
        "cdp_pipeline.prediction.recommendations.trial",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.threads",
        "cdp_pipeline.prediction.trees",
    ),
)
