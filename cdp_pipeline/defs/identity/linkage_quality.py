"""How good the linking is, measured without truth."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.identity import linkage_quality
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection

_MOVED = """
    select column_name, measure, stability_index from identity.linkage_drift
    where status in ('moved', 'far') order by stability_index desc, column_name, measure"""


def _logic(connection: Connection, _: Home) -> Made:
    tables = linkage_quality(connection)
    measured = connection.sql("select metric, value from identity_quality order by 1").fetchall()
    figures = dict(measured)
    moved = connection.sql(_MOVED).fetchall()
    if moved:
        far = ", ".join(f"{name} ({measure} {index})" for name, measure, index in moved)
        figures["drift"] = f"the data moved since the model was trained, train anew: {far}"
    return Made(tables, figures)


STEP = PythonStep(
    makes=("identity.linkage_quality",),
    logic=_logic,
    code=("cdp_pipeline.identity.quality", "cdp_pipeline.identity.sql"),
)
