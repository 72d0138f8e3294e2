"""The clusters of records after stewards' decisions and declared rules, and what these did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cdp_pipeline.defs.identity.standardised_records import columns_setting, declared_columns
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.explain.scoring import Scorer
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.identity import LinkageModel, constrain
from cdp_pipeline.identity.constrain import obeyed_count
from cdp_pipeline.identity.exact import ExactRule
from cdp_pipeline.ingest.contracts import clean_systems
from cdp_pipeline.project import home_contracts
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    model = LinkageModel.from_bytes(stored_model(connection, "identity.linkage_model"))
    columns = declared_columns(home)

    def weigh(pairs: Sequence[tuple[int, int]]) -> Sequence[float]:
        records = {record for pair in pairs for record in pair}
        return list(Scorer(connection, model, columns, records).weigh(pairs).odds)

    tables = constrain(
        connection,
        columns,
        threshold=model.threshold,
        rules=[ExactRule(tuple(c)).name for c in model.exact],
        clean_sources=clean_systems(home_contracts(home)),
        weigh=weigh,
    )
    return Made(tables, obeyed_count(connection))


def _settings(home: Home) -> Mapping[str, Any]:
    return {**columns_setting(home), "clean": clean_systems(home_contracts(home))}


STEP = PythonStep(
    makes=("identity.record_clusters", "identity.decided_pairs", "identity.decision_report"),
    logic=_logic,
    code=("cdp_pipeline.identity", "cdp_pipeline.explain.scoring"),
    settings=_settings,
)
