"""Scored pairs of records, the clusters they form by linking alone, and how the model fits."""

from __future__ import annotations

from cdp_pipeline.defs.identity.standardised_records import columns_setting, declared_columns
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.identity import LinkageModel, link
from cdp_pipeline.identity.link import LINKED_ANEW
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    model = LinkageModel.from_bytes(stored_model(connection, "identity.linkage_model"))
    tables = link(connection, model, declared_columns(home))
    # What linking says is not the last word: decisions come after it.
    tables["identity.linked_clusters"] = tables.pop("identity.record_clusters")
    anew, nodes = connection.sql(f"select linked_anew, nodes from {LINKED_ANEW}").fetchall()[0]
    return Made(tables, {"distinct records": nodes, "linked anew": anew})


STEP = PythonStep(
    makes=(
        "identity.record_pairs",
        "identity.linked_clusters",
        "identity.match_weights",
        "identity.unlinkable_records",
        "identity.linkage_drift",
    ),
    logic=_logic,
    code=("cdp_pipeline.identity",),
    settings=columns_setting,
    sees_earlier=(
        "identity.standardised_records",
        "identity.standardised_attributes",
        "identity.shared_identifiers",
        "identity.linkage_model",
        "identity.record_pairs",
        "identity.linked_clusters",
    ),
)
