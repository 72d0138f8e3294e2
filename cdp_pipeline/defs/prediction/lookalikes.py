"""The customers most like each audience's seeds, and how well likeness works."""

from __future__ import annotations

from cdp_pipeline.defs.prediction.lookalike_model import CODE, as_of_on, declared_audiences
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.prediction.lookalikes.model import LookalikeModel
from cdp_pipeline.prediction.lookalikes.score import lookalikes
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    model = LookalikeModel.from_bytes(stored_model(connection, "prediction.lookalike_model"))
    return Made(lookalikes(connection, model, declared_audiences(home), as_of_on(connection)))


STEP = PythonStep(
    makes=("prediction.lookalikes", "prediction.lookalike_curves", "prediction.audience_seeds"),
    logic=_logic,
    code=CODE,
    settings=lambda home: {"audiences": declared_audiences(home).content_hash},
)
