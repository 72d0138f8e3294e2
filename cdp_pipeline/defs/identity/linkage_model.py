"""The trained linkage model; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

import math
from typing import Any

from cdp_pipeline.defs.identity.standardised_records import columns_setting, declared_columns
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row, stored_model
from cdp_pipeline.identity import LinkageModel, train
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1


def _logic(connection: Connection, home: Home) -> Made:
    model = train(connection, declared_columns(home), seed=SEED)
    card = {
        "data": {
            "identity columns": sorted(declared_columns(home).columns),
            "exact rules": [" + ".join(columns) for columns in model.exact],
            "blocking rules": [" + ".join(c for c, _ in keys) for keys in model.blocking],
        },
        "parameters": {"prior": model.prior, "threshold": model.threshold, "seed": model.seed},
        "match weights": _match_weights(model),
        "limits": model.notes or ["none"],
    }
    select = model_row(connection, "linkage", model.version, model.to_bytes(), card)
    figures = {
        "model version": model.version,
        "compared columns": len(model.settings["comparisons"]),
        "threshold": model.threshold,
    }
    return Made({"identity.linkage_model": select}, figures)


def _match_weights(model: LinkageModel) -> dict[str, dict[str, float]]:
    """Return what each level of agreement is worth, log2(m / u), by column and level."""
    weights: dict[str, dict[str, float]] = {}
    for comparison in model.settings["comparisons"]:
        levels = [lv for lv in comparison["comparison_levels"] if not lv.get("is_null_level")]
        weights[comparison["output_column_name"]] = {
            _label(level, place): round(
                math.log2(level["m_probability"] / level["u_probability"]), 3
            )
            for place, level in enumerate(levels, start=1)
            if level.get("m_probability") and level.get("u_probability")
        }
    return weights


def _label(level: dict[str, Any], place: int) -> str:
    return f"{place}: {level.get('label_for_charts') or 'level'}"


def _outdated(connection: Connection) -> str | None:
    """Train again while there were too few records to learn from, as in a home's first days."""
    model = LinkageModel.from_bytes(stored_model(connection, "identity.linkage_model"))
    return None if model.settings["comparisons"] else "it was trained on too few records"


STEP = PythonStep(
    makes=("identity.linkage_model",),
    logic=_logic,
    code=("cdp_pipeline.identity",),
    settings=lambda home: {**columns_setting(home), "seed": SEED},
    outdated=_outdated,
)
