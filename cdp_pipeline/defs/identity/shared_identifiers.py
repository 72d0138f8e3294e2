"""Values that too many different people share to decide anything alone."""

from __future__ import annotations

from cdp_pipeline.defs.identity.standardised_records import columns_setting, declared_columns
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.identity import shared_identifiers
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, home: Home) -> Made:
    return Made(shared_identifiers(connection, declared_columns(home)))


STEP = PythonStep(
    makes=("identity.shared_identifiers",),
    logic=_logic,
    code=("cdp_pipeline.identity.shared", "cdp_pipeline.identity.sql"),
    settings=columns_setting,
)
