"""The trained model of subscriptions that end; kept between runs, trained by `cdp run --train`."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row
from cdp_pipeline.prediction.subscriptions.train import train_subscriptions
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1


def _logic(connection: Connection, _: Home) -> Made:
    model = train_subscriptions(connection, seed=SEED)
    select = model_row(
        connection, "subscription_churn", model.version, model.to_bytes(), model.card
    )
    return Made({"prediction.subscription_model": select}, {"model version": model.version})


STEP = PythonStep(
    makes=("prediction.subscription_model",),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.churn.intervals",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.subscriptions.model",
        "cdp_pipeline.prediction.subscriptions.samples",
        "cdp_pipeline.prediction.subscriptions.train",
        "cdp_pipeline.prediction.threads",
    ),
    settings=lambda _: {"seed": SEED},
)
