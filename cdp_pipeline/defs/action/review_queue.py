"""Decisions about identity that a person should look at, by what a wrong one would cost."""

from __future__ import annotations

from cdp_pipeline.defs.identity.standardised_records import columns_setting, declared_columns
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.explain.review import review_queue
from cdp_pipeline.explain.texts import load_texts
from cdp_pipeline.export.stored_models import stored_model
from cdp_pipeline.identity import LinkageModel
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

# The table is in one language; `cdp review --language` says it in others.
_LANGUAGE = "en"


def _logic(connection: Connection, home: Home) -> Made:
    model = LinkageModel.from_bytes(stored_model(connection, "identity.linkage_model"))
    texts = load_texts(_LANGUAGE, home.sql / "identity")
    tables = review_queue(connection, model, declared_columns(home), texts)
    return Made(tables, _figures(connection))


def _figures(connection: Connection) -> dict[str, int]:
    rows = connection.sql("select kind, count(*) from review_ranked group by kind").fetchall()
    return {kind.replace("_", " "): int(count) for kind, count in sorted(rows)}


STEP = PythonStep(
    makes=("action.review_queue",),
    logic=_logic,
    code=("cdp_pipeline.explain", "cdp_pipeline.identity"),
    settings=lambda home: {
        **columns_setting(home),
        "words": load_texts(_LANGUAGE, home.sql / "identity").fingerprint,
    },
)
