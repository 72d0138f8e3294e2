"""The trained model of customer value; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row, stored_model
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.train import needs_training, train_value
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1


def _logic(connection: Connection, _: Home) -> Made:
    model = train_value(connection, seed=SEED)
    select = model_row(connection, "customer_value", model.version, model.to_bytes(), model.card)
    return Made({"prediction.value_model": select}, {"model version": model.version})


def _outdated(connection: Connection) -> str | None:
    model = ValueModel.from_bytes(stored_model(connection, "prediction.value_model"))
    return needs_training(connection, model)


STEP = PythonStep(
    makes=("prediction.value_model",),
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
        "cdp_pipeline.prediction.value.card",
        "cdp_pipeline.prediction.value.intervals",
        "cdp_pipeline.prediction.value.judge",
        "cdp_pipeline.prediction.value.learners",
        "cdp_pipeline.prediction.value.level",
        "cdp_pipeline.prediction.value.model",
        "cdp_pipeline.prediction.value.samples",
        "cdp_pipeline.prediction.value.train",
        "cdp_pipeline.prediction.value.trial",
    ),
    settings=lambda _: {"seed": SEED},
    outdated=_outdated,
)
