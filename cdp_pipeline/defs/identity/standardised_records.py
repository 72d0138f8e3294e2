"""The identity columns of every record in one form, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.identity import load_identity_columns, standardise
from cdp_pipeline.identity.columns import IdentityColumns
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def declared_columns(home: Home) -> IdentityColumns:
    """Return the identity columns that the package and the home declare."""
    return load_identity_columns(home.sql / "identity")


def columns_setting(home: Home) -> Mapping[str, Any]:
    """Return what of the home decides how records are standardised and linked."""
    return {"columns": declared_columns(home).fingerprint}


def _logic(connection: Connection, home: Home) -> Made:
    return Made(standardise(connection, declared_columns(home)))


STEP = PythonStep(
    makes=(
        "identity.standardised_records",
        "identity.standardised_attributes",
        "identity.rejected_identifiers",
    ),
    logic=_logic,
    code=(
        "cdp_pipeline.identity.standardise",
        "cdp_pipeline.identity.columns",
        "cdp_pipeline.identity.names",
        "cdp_pipeline.identity.phones",
        "cdp_pipeline.identity.checksums",
        "cdp_pipeline.identity.sql",
    ),
    settings=columns_setting,
)
