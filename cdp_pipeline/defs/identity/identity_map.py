"""Which customer each record belongs to, under ids that outlive a run."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.identity import assign_ids, identity_figures
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, _: Home) -> Made:
    tables = assign_ids(connection)
    figures = identity_figures(connection, identity_map=f"({tables['identity.identity_map']})")
    return Made(tables, figures)


STEP = PythonStep(
    makes=(
        "identity.identity_map",
        "identity.customer_aliases",
        "identity.customer_history",
        "identity.merged_records",
    ),
    logic=_logic,
    code=(
        "cdp_pipeline.identity.ids",
        "cdp_pipeline.identity.figures",
        "cdp_pipeline.identity.sql",
    ),
)
