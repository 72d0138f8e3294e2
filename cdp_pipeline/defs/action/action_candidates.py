"""What could be done for each customer, through which channel, and what it would be worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp_pipeline.action import Catalogue, action_candidates, load_catalogue
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def catalogue_of(home: Home) -> Catalogue:
    """Return the home's catalogue of actions, else the package's."""
    return load_catalogue(home_file(home, "action/actions.yml"))


def catalogue_setting(home: Home) -> Mapping[str, Any]:
    """Return what of the catalogue decides results."""
    return {"catalogue": catalogue_of(home).content_hash}


def _logic(connection: Connection, home: Home) -> Made:
    return Made(action_candidates(connection, catalogue_of(home)))


STEP = PythonStep(
    makes=("action.action_candidates",),
    logic=_logic,
    code=(
        "cdp_pipeline.action.candidates",
        "cdp_pipeline.action.catalogue",
        "cdp_pipeline.declared",
        "cdp_pipeline.action.expressions",
    ),
    settings=catalogue_setting,
)
