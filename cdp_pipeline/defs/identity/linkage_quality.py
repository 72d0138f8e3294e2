"""How good the linking is, measured without truth."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.identity import linkage_quality
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, _: Home) -> Made:
    tables = linkage_quality(connection)
    measured = connection.sql("select metric, value from identity_quality order by 1").fetchall()
    return Made(tables, dict(measured))


STEP = PythonStep(
    makes=("identity.linkage_quality",),
    logic=_logic,
    code=("cdp_pipeline.identity.quality", "cdp_pipeline.identity.sql"),
)
