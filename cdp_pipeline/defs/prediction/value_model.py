"""The trained model of customer value; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row, stored_champion, stored_model
from cdp_pipeline.prediction.value.life import champion_of
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.train import needs_training, train_value
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1


def _logic(connection: Connection, home: Home) -> Made:
    model = champion_of(
        connection,
        stored_champion(connection, "value_model"),
        train_value(connection, seed=SEED),
        rule=home.settings.model_promotion,
        seed=SEED,
        drift_limit=home.settings.drift_limit,
    )
    select = model_row(connection, "customer_value", model.version, model.to_bytes(), model.card)
    return Made({"prediction.value_model": select}, _figures(model))


def _figures(model: ValueModel) -> dict[str, str]:
    life = model.card["life"]
    return {
        "model version": model.version,
        "decision": life["decision"],
        "decided because": life["because"],
    }


def _outdated(connection: Connection) -> str | None:
    model = ValueModel.from_bytes(stored_model(connection, "prediction.value_model"))
    return needs_training(connection, model)


STEP = PythonStep(
    makes=("prediction.value_model",),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.churn.reasons",
        "cdp_pipeline.prediction.drift",
        "cdp_pipeline.prediction.gamma_gamma",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.threads",
        "cdp_pipeline.prediction.trees",
        "cdp_pipeline.prediction.value.life",
        "cdp_pipeline.prediction.life",
        "cdp_pipeline.prediction.value.buying",
        "cdp_pipeline.prediction.value.card",
        "cdp_pipeline.prediction.value.intervals",
        "cdp_pipeline.prediction.value.judge",
        "cdp_pipeline.prediction.value.learners",
        "cdp_pipeline.prediction.value.level",
        "cdp_pipeline.prediction.value.model",
        "cdp_pipeline.prediction.value.samples",
        "cdp_pipeline.prediction.value.shape",
        "cdp_pipeline.prediction.value.train",
        "cdp_pipeline.prediction.value.trial",
    ),
    # the rule of promotion decides what training keeps, not whether the stored model still holds
    settings=lambda _: {"seed": SEED},
    sees_stored=True,
    outdated=_outdated,
)
