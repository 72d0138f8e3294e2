"""The legal ground of each purpose and channel: ``permissions.yml`` as a table.

Belongs here: reading the file and laying it out as rows. Who may be contacted because of it is
decided in ``dbt_like_sql/action/contact_permissions.sql``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import duckdb
from pydantic import Field, model_validator

from cdp_pipeline.declared import DeclaredFile, Strict, load_declared

Channel = Literal["email", "sms", "phone", "post", "ads"]
Purpose = Literal["marketing", "profiling", "service"]
Ground = Literal["consent", "soft_opt_in", "contract"]
Gate = Literal["deceased", "protected_identity", "minor"]


class PermissionRule(Strict):
    """On what ground customers may be contacted for a purpose through a channel."""

    purpose: Purpose
    channel: Channel
    legal_basis: tuple[Ground, ...] = Field(description="Tried in this order; empty: nobody.")
    contact_point: Literal["email", "phone", "address", "none"] = Field(
        description="What must be known of the customer."
    )
    existing_customer_days: int = Field(
        365, ge=1, description="Days after a purchase for soft opt-in and contract."
    )
    blocked_for: tuple[Gate, ...] = Field(
        ("deceased", "protected_identity", "minor"),
        description="Closed to these whatever they said.",
    )


class PermissionSettings(DeclaredFile):
    """The rules of ``permissions.yml``; what has no rule is not allowed."""

    rules: tuple[PermissionRule, ...]

    @model_validator(mode="after")
    def _one_rule_each(self) -> PermissionSettings:
        named = [(rule.purpose, rule.channel) for rule in self.rules]
        twice = sorted({f"{p} by {c}" for p, c in named if named.count((p, c)) > 1})
        if twice:
            raise ValueError(f"more than one rule for {', '.join(twice)}")
        return self


def load_permissions(path: Path) -> PermissionSettings:
    """Read ``permissions.yml``.

    Raises
    ------
    DeclarationError
        With every problem, by file and line.
    """
    return load_declared(path, PermissionSettings, "see the comments at the top of the file")


def permission_rules(
    con: duckdb.DuckDBPyConnection, settings: PermissionSettings
) -> dict[str, str]:
    """Make ``action.permission_rules`` from the settings; reads no table."""
    con.execute(
        "create or replace temp table permission_rules_made ("
        "purpose varchar, channel varchar, contact_point varchar, consent_order integer,"
        " soft_opt_in_order integer, contract_order integer, existing_customer_days integer,"
        " blocks_deceased boolean, blocks_protected_identity boolean, blocks_minor boolean)"
    )
    for rule in settings.rules:
        order = {ground: place for place, ground in enumerate(rule.legal_basis, start=1)}
        con.execute(
            "insert into permission_rules_made values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                rule.purpose,
                rule.channel,
                rule.contact_point,
                order.get("consent"),
                order.get("soft_opt_in"),
                order.get("contract"),
                rule.existing_customer_days,
                "deceased" in rule.blocked_for,
                "protected_identity" in rule.blocked_for,
                "minor" in rule.blocked_for,
            ],
        )
    return {"action.permission_rules": "select * from permission_rules_made"}
