"""The trained linkage model; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

from cdp_pipeline.defs.identity.standardised_records import columns_setting, declared_columns
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row, stored_model
from cdp_pipeline.identity import LinkageModel, train
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1
TRAINING_CODE = (
    "cdp_pipeline.identity.blocking",
    "cdp_pipeline.identity.columns",
    "cdp_pipeline.identity.comparisons",
    "cdp_pipeline.identity.exact",
    "cdp_pipeline.identity.model",
    "cdp_pipeline.identity.score",
    "cdp_pipeline.identity.sql",
    "cdp_pipeline.identity.train",
    "cdp_pipeline.identity.work",
)


def _logic(connection: Connection, home: Home) -> Made:
    model = train(connection, declared_columns(home), seed=SEED)
    card = {
        "data": {"identity columns": sorted(declared_columns(home).columns)},
        "parameters": {"prior": model.prior, "threshold": model.threshold, "seed": model.seed},
        "metrics": dict(model.figures),
        "limits": model.notes or ["none"],
    }
    select = model_row(connection, "linkage", model.version, model.to_bytes(), card)
    return Made(
        {"identity.linkage_model": select}, {"model version": model.version, **model.figures}
    )


def _outdated(connection: Connection) -> str | None:
    """Train again while there were too few records to learn from, as in a home's first days."""
    model = LinkageModel.from_bytes(stored_model(connection, "identity.linkage_model"))
    return None if model.settings["comparisons"] else "it was trained on too few records"


STEP = PythonStep(
    makes=("identity.linkage_model",),
    logic=_logic,
    code=TRAINING_CODE,
    settings=lambda home: {**columns_setting(home), "seed": SEED},
    outdated=_outdated,
)
