"""What a decision would change: the tables with it against the tables without it.

Belongs here: comparing two sets of tables for the customers that a decision moves. Does not belong
here: making them (``cli.trying``), or printing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse.engine import Connection, identifier, sealed_connection, translated
from cdp_pipeline.warehouse.store import Store

# What is told of each customer, by table, beside the profile: all but the profile are figures and
# words of the catalogue, and none of them is a personal value.
SHOWN: Mapping[str, Sequence[str]] = {
    "insight.customer_measures": (
        "order_count",
        "net_spend_amount",
        "margin_amount",
        "last_order_on",
    ),
    "insight.rfm_segments": ("segment",),
    "prediction.churn_predictions": ("p_churn",),
    "prediction.customer_value": ("expected_value",),
    "action.next_best_actions": ("action", "channel"),
}
PROFILES = "profiles.golden_profiles"
PERMISSIONS = "action.contact_permissions"
REPORT = "identity.decision_report"
MAP = "identity.identity_map"
TABLES = (MAP, REPORT, PROFILES, PERMISSIONS, *SHOWN)
# Columns of the profile that say how it was made, not who somebody is.
_NOT_TOLD = ("customer_id",)


@dataclass(frozen=True)
class CustomerEffect:
    """One customer, before and after.

    Attributes
    ----------
    is_before, is_after
        Whether there is a customer of this id.
    records
        How many records, before and after.
    profile
        Columns of the profile that change, with both values: personal values.
    figures
        Measures, segment, scores and action that change, with both values.
    allowed
        Permissions to contact: how many, before and after.
    """

    customer_id: str
    is_before: bool
    is_after: bool
    records: tuple[int, int]
    profile: Mapping[str, tuple[Any, Any]]
    figures: Mapping[str, tuple[Any, Any]]
    allowed: tuple[int, int]


@dataclass(frozen=True)
class Effect:
    """What a decision would change.

    Attributes
    ----------
    state, reason, effect
        What the report of decisions would say.
    moved
        Records that would be another customer's: record, customer before and after.
    customers
        Those that win, lose, come or go.
    others
        By table, how many other customers would have another row there.
    """

    state: str
    reason: str | None
    effect: str
    moved: Sequence[tuple[str, str | None, str | None]]
    customers: Sequence[CustomerEffect]
    others: Mapping[str, int]

    def as_dict(self, *, with_values: bool) -> dict[str, Any]:
        """Return it for a machine; values of the profile only where they are asked for."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        if not with_values:
            for customer in content["customers"]:
                customer["profile"] = sorted(customer["profile"])
        return content


def effect_of(before: Home, after: Home, decision_id: str) -> Effect:
    """Compare the tables of two homes that share a warehouse."""
    stores = {"before": Store(before), "after": Store(after)}
    versions = {
        f"{when}_{table.replace('.', '_')}": (store, store.needed_head(table, by="the dry run"))
        for when, store in stores.items()
        for table in TABLES
    }
    files = [path for store, version in versions.values() for path in store.paths(version)]
    settings = before.settings
    with (
        translated("the dry run"),
        sealed_connection(
            files=files,
            spill=before.warehouse / ".spill",
            threads=settings.threads,
            memory_limit_gb=settings.memory_limit_gb,
        ) as con,
    ):
        for name, (store, version) in versions.items():
            con.execute(f"create view {name} as {store.select(version)}")
        return _compared(con, decision_id)


def _view(when: str, table: str) -> str:
    return f"{when}_{table.replace('.', '_')}"


def _compared(con: Connection, decision_id: str) -> Effect:
    con.execute(
        f"""create temp table moved as
        select coalesce(b.source, a.source) || ':' || coalesce(b.record_id, a.record_id) as record,
            b.customer_id as was_id, a.customer_id as is_id
        from {_view("before", MAP)} as b
        full join {_view("after", MAP)} as a
            on b.source = a.source and b.record_id = a.record_id
        where b.customer_id is distinct from a.customer_id"""
    )
    con.execute(
        "create temp table touched as select was_id as customer_id from moved"
        " union select is_id from moved order by 1"
    )
    moved = con.sql("select record, was_id, is_id from moved order by all").fetchall()
    touched = [i for (i,) in con.sql("from touched order by 1").fetchall() if i is not None]
    state, reason, effect = con.sql(
        f"select state, reason, effect from {_view('after', REPORT)}"
        f" where decision_id = '{decision_id}'"
    ).fetchall()[0]
    return Effect(
        state=state,
        reason=reason,
        effect=effect,
        moved=moved,
        customers=[_customer(con, customer_id) for customer_id in touched],
        others={table: _others(con, table, columns) for table, columns in SHOWN.items()},
    )


def _customer(con: Connection, customer_id: str) -> CustomerEffect:
    counts = [
        con.sql(
            f"select count(*) from {_view(when, MAP)} where customer_id = '{customer_id}'"
        ).fetchall()[0][0]
        for when in ("before", "after")
    ]
    allowed = [
        con.sql(
            f"select count(*) from {_view(when, PERMISSIONS)}"
            f" where customer_id = '{customer_id}' and is_allowed"
        ).fetchall()[0][0]
        for when in ("before", "after")
    ]
    figures: dict[str, tuple[Any, Any]] = {}
    for table, columns in SHOWN.items():
        figures |= _differing(con, table, columns, customer_id)
    columns = [c for c in con.table(_view("after", PROFILES)).columns if c not in _NOT_TOLD]
    return CustomerEffect(
        customer_id,
        is_before=counts[0] > 0,
        is_after=counts[1] > 0,
        records=(counts[0], counts[1]),
        profile=_differing(con, PROFILES, columns, customer_id),
        figures=figures,
        allowed=(allowed[0], allowed[1]),
    )


def _differing(
    con: Connection, table: str, columns: Sequence[str], customer_id: str
) -> dict[str, tuple[Any, Any]]:
    """Return the columns that differ, with the value before and after."""
    names = ", ".join(identifier(column) for column in columns)
    rows = [
        con.sql(
            f"select {names} from {_view(when, table)} where customer_id = '{customer_id}'"
        ).fetchall()
        for when in ("before", "after")
    ]
    nothing = (None,) * len(columns)
    was, now = (found[0] if found else nothing for found in rows)
    return {
        column: (old, new) for column, old, new in zip(columns, was, now, strict=True) if old != new
    }


def _others(con: Connection, table: str, columns: Sequence[str]) -> int:
    """Return how many customers that the decision does not move have another row."""
    differs = " or ".join(f"b.{identifier(c)} is distinct from a.{identifier(c)}" for c in columns)
    found: int = con.sql(
        f"""select count(*) from {_view("before", table)} as b
        inner join {_view("after", table)} as a using (customer_id)
        where ({differs}) and customer_id not in (select customer_id from touched
            where customer_id is not null)"""
    ).fetchall()[0][0]
    return found
