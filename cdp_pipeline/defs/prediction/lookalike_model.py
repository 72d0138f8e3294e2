"""Likeness to each audience's seeds; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

from datetime import date

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row
from cdp_pipeline.prediction.lookalikes.declared import Audiences, load_audiences
from cdp_pipeline.prediction.lookalikes.train import train_lookalikes
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1
CODE = (
    "cdp_pipeline.prediction.bgnbd",
    "cdp_pipeline.prediction.lookalikes",
    "cdp_pipeline.prediction.metrics",
    "cdp_pipeline.prediction.threads",
)


def declared_audiences(home: Home) -> Audiences:
    """Return the audiences of a home, its own or the package's."""
    return load_audiences(home_file(home, "prediction/audiences.yml"))


def as_of_on(connection: Connection) -> date:
    """Return the day that is today."""
    day: date = connection.sql("select as_of_on from sources.run_clock").fetchall()[0][0]
    return day


def _logic(connection: Connection, home: Home) -> Made:
    today = as_of_on(connection)
    model = train_lookalikes(connection, declared_audiences(home), today, seed=SEED)
    select = model_row(connection, "lookalike", model.version, model.to_bytes(), model.card)
    return Made({"prediction.lookalike_model": select}, {"model version": model.version})


STEP = PythonStep(
    makes=("prediction.lookalike_model",),
    logic=_logic,
    code=CODE,
    settings=lambda home: {"seed": SEED, "audiences": declared_audiences(home).content_hash},
)
