"""The trained linkage model; kept between runs, trained anew by `cdp run --train`."""

from __future__ import annotations

import math
from typing import Any

from pydantic import ValidationError

from cdp_pipeline.defs.identity.standardised_records import columns_setting, declared_columns
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import model_row, stored_champion, stored_model
from cdp_pipeline.identity import LinkageModel, train
from cdp_pipeline.identity.soundness import faults, usable
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

SEED = 1


def _logic(connection: Connection, home: Home) -> Made:
    trained = train(connection, declared_columns(home), seed=SEED)
    wrong = faults(trained)
    model = usable(trained, wrong, _stored(connection))
    card = {
        "data": {
            "identity columns": sorted(declared_columns(home).columns),
            "exact rules": [" + ".join(columns) for columns in model.exact],
            "blocking rules": [" + ".join(c for c, _ in keys) for keys in model.blocking],
            "trained on": _trained_on(model),
        },
        "parameters": {"prior": model.prior, "threshold": model.threshold, "seed": model.seed},
        "match weights": _match_weights(model),
        "limits": model.notes or ["none"],
    }
    figures = {
        "model version": model.version,
        "compared columns": len(model.settings["comparisons"]),
        "threshold": model.threshold,
    }
    if wrong:
        kept = "the stored model is kept" if model.mixture else "only the exact rules link"
        card["refused"] = {"because": wrong, "instead": kept}
        figures["refused"] = f"{'; '.join(wrong)}: {kept}"
    select = model_row(connection, "linkage", model.version, model.to_bytes(), card)
    return Made({"identity.linkage_model": select}, figures)


def _stored(connection: Connection) -> LinkageModel | None:
    """Return the model that training may replace; one of another format cannot be kept."""
    stored = stored_champion(connection, "linkage_model")
    try:
        return LinkageModel.from_bytes(stored) if stored else None
    except ValidationError:
        return None


def _trained_on(model: LinkageModel) -> dict[str, float | None]:
    seen = model.trained_on
    if seen is None:
        return {}
    return {
        "distinct records": seen.nodes,
        "candidate pairs looked at": seen.pairs,
        "of them linked": seen.linked_pairs_ratio,
        "largest group": seen.largest_group_ratio,
    }


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
    """Train again where it learnt nothing, and where the last release moved far from its data.

    In a home's first days there are too few records to learn from.
    """
    model = LinkageModel.from_bytes(stored_model(connection, "identity.linkage_model"))
    if not model.settings["comparisons"]:
        return "it holds exact rules only"
    moved = connection.sql(
        "select distinct column_name from previous.linkage_drift "
        f"where status = 'far' and model_version = '{model.version}' order by column_name"
    ).fetchall()
    if moved:
        return f"the last release moved far from its data: {', '.join(name for (name,) in moved)}"
    return None


STEP = PythonStep(
    makes=("identity.linkage_model",),
    logic=_logic,
    code=("cdp_pipeline.identity",),
    settings=lambda home: {**columns_setting(home), "seed": SEED},
    sees_stored=True,
    outdated=_outdated,
)
