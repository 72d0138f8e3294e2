"""Each running subscription's probability of ending within the horizon."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.prediction.subscriptions.model import SubscriptionModel
from cdp_pipeline.prediction.subscriptions.score import score_subscriptions
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, _: Home) -> Made:
    stored = stored_model(connection, "prediction.subscription_model")
    return Made(score_subscriptions(connection, SubscriptionModel.from_bytes(stored)))


STEP = PythonStep(
    makes=("prediction.subscription_churn",),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.churn.intervals",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.subscriptions.model",
        "cdp_pipeline.prediction.subscriptions.samples",
        "cdp_pipeline.prediction.subscriptions.score",
        "cdp_pipeline.prediction.threads",
    ),
)
