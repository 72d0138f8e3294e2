"""The company register's names and numbers in one form."""

from __future__ import annotations

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.identity.companies import standardise_companies
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _logic(connection: Connection, _: Home) -> Made:
    return Made(standardise_companies(connection))


STEP = PythonStep(
    makes=("identity.standardised_companies",),
    logic=_logic,
    code=(
        "cdp_pipeline.identity.companies",
        "cdp_pipeline.identity.standardise",
        "cdp_pipeline.identity.checksums",
        "cdp_pipeline.identity.sql",
    ),
)
