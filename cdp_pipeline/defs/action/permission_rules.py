"""On what ground customers may be contacted, by purpose and channel."""

from __future__ import annotations

from cdp_pipeline.action import PermissionSettings, load_permissions, permission_rules
from cdp_pipeline.defs.tables import PythonStep
from cdp_pipeline.settings import Home, home_file
from cdp_pipeline.warehouse import Made
from cdp_pipeline.warehouse.engine import Connection


def _permissions(home: Home) -> PermissionSettings:
    return load_permissions(home_file(home, "action/permissions.yml"))


def _logic(connection: Connection, home: Home) -> Made:
    return Made(permission_rules(connection, _permissions(home)))


STEP = PythonStep(
    makes=("action.permission_rules",),
    logic=_logic,
    code=("cdp_pipeline.action.permissions", "cdp_pipeline.declared"),
    settings=lambda home: {"permissions": _permissions(home).content_hash},
)
