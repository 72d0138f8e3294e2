"""The trained ranker of recommendations; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row, stored_model
from cdp_pipeline.prediction.recommendations.model import RecommendationModel
from cdp_pipeline.prediction.recommendations.train import needs_training, train_recommendations
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1


def _logic(connection: Connection, _: Home) -> Made:
    model = train_recommendations(connection, seed=SEED)
    select = model_row(connection, "recommendations", model.version, model.to_bytes(), model.card)
    return Made(
        {"prediction.recommendation_model": select},
        {"model version": model.version, "exported": model.exported},
    )


def _outdated(connection: Connection) -> str | None:
    payload = stored_model(connection, "prediction.recommendation_model")
    return needs_training(connection, RecommendationModel.from_bytes(payload))


STEP = PythonStep(
    makes=("prediction.recommendation_model",),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.calibration",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.recommendations.candidates",
        "cdp_pipeline.prediction.recommendations.card",
        "cdp_pipeline.prediction.recommendations.model",
        "cdp_pipeline.prediction.recommendations.past",
        "cdp_pipeline.prediction.recommendations.purchases",
        "cdp_pipeline.prediction.recommendations.train",
        "cdp_pipeline.prediction.recommendations.trial",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.threads",
        "cdp_pipeline.prediction.trees",
    ),
    settings=lambda _: {"seed": SEED},
    outdated=_outdated,
)
