"""The trained churn model; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row, stored_champion, stored_model
from cdp_pipeline.prediction.churn.life import champion_of
from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.train import needs_training, train_churn
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1


def _logic(connection: Connection, home: Home) -> Made:
    model = champion_of(
        connection,
        stored_champion(connection, "churn_model"),
        train_churn(connection, seed=SEED),
        rule=home.settings.model_promotion,
        seed=SEED,
        drift_limit=home.settings.drift_limit,
    )
    select = model_row(connection, "churn", model.version, model.to_bytes(), model.card)
    return Made({"prediction.churn_model": select}, _figures(model))


def _figures(model: ChurnModel) -> dict[str, str]:
    life = model.card["life"]
    return {
        "model version": model.version,
        "decision": life["decision"],
        "decided because": life["because"],
    }


def _outdated(connection: Connection) -> str | None:
    model = ChurnModel.from_bytes(stored_model(connection, "prediction.churn_model"))
    return needs_training(connection, model)


STEP = PythonStep(
    makes=("prediction.churn_model",),
    logic=_logic,
    code=(
        "cdp_pipeline.prediction.bgnbd",
        "cdp_pipeline.prediction.calibration",
        "cdp_pipeline.prediction.churn.life",
        "cdp_pipeline.prediction.life",
        "cdp_pipeline.prediction.churn.card",
        "cdp_pipeline.prediction.churn.intervals",
        "cdp_pipeline.prediction.churn.learners",
        "cdp_pipeline.prediction.churn.model",
        "cdp_pipeline.prediction.churn.reasons",
        "cdp_pipeline.prediction.churn.train",
        "cdp_pipeline.prediction.churn.trial",
        "cdp_pipeline.prediction.drift",
        "cdp_pipeline.prediction.metrics",
        "cdp_pipeline.prediction.samples",
        "cdp_pipeline.prediction.threads",
        "cdp_pipeline.prediction.trees",
    ),
    # the rule of promotion decides what training keeps, not whether the stored model still holds
    settings=lambda _: {"seed": SEED},
    sees_stored=True,
    outdated=_outdated,
)
