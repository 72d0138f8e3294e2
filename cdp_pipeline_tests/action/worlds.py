"""A small database with every table that layer action reads, for its tests."""

from __future__ import annotations

import textwrap
from pathlib import Path

import duckdb

from cdp_pipeline.action import Catalogue, load_catalogue

_TABLES = {
    "sources.run_clock": "as_of_on date, home_currency varchar",
    "identity.customer_aliases": "alias_customer_id varchar, customer_id varchar",
    "action.customer_facts": (
        "customer_id varchar, buyer_group varchar, currency varchar, order_count integer,"
        " expected_order_amount decimal(18, 2), open_ticket_count integer"
    ),
    "action.contact_permissions": (
        "customer_id varchar, channel varchar, purpose varchar, is_allowed boolean, why varchar"
    ),
    "action.response_rates": (
        "channel varchar, buyer_group varchar, shrunk_uplift_ratio decimal(18, 6),"
        " channel_uplift_ratio decimal(18, 6), channel_evidence_count decimal(18, 2)"
    ),
}

CATALOGUE = """
control: {share: 0, key: draw}
gates:
  open_ticket: {when: open_ticket_count > 0, title: an open ticket, lets_through: [solve]}
actions:
  write:
    title: Write to them
    why: "{order_count} orders"
    purpose: marketing
    when: order_count > 0
    value: expected_order_amount
    probability: {prior: 0.1, prior_weight: 100}
    channels:
      email: {cost: 1}
    valid_days: 7
    content_key: write
  call:
    title: Call them
    why: "worth {expected_order_amount:.0f}"
    purpose: marketing
    when: order_count > 0
    value: expected_order_amount
    probability: {prior: 0.5, evidence: none}
    channels:
      phone: {cost: 10, capacity: 1}
    valid_days: 7
    content_key: call
  solve:
    title: Solve the ticket
    why: "{open_ticket_count} open"
    purpose: service
    when: open_ticket_count > 0
    value: 100
    probability: {prior: 0.5, evidence: none}
    channels:
      email: {cost: 1}
    valid_days: 1
    content_key: solve
    holdout: false
"""


def catalogue_of(folder: Path, text: str = CATALOGUE) -> Catalogue:
    """Return a catalogue written as text."""
    file = folder / "actions.yml"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return load_catalogue(file)


def world(
    customers: dict[str, dict[str, object]], *, refused: tuple[str, ...] = ()
) -> duckdb.DuckDBPyConnection:
    """Return a database of customers with facts; who has not refused may be contacted."""
    con = duckdb.connect()
    for name, columns in _TABLES.items():
        con.execute(f"create schema if not exists {name.split('.')[0]}")
        con.execute(f"create table {name} ({columns})")
    con.execute("insert into sources.run_clock values ('2026-01-31', 'SEK')")
    for customer_id, facts in customers.items():
        con.execute(
            "insert into action.customer_facts values (?, 'everybody', 'SEK', ?, ?, ?)",
            [
                customer_id,
                facts.get("order_count", 1),
                facts.get("expected_order_amount", 100),
                facts.get("open_ticket_count", 0),
            ],
        )
        for channel in ("email", "phone"):
            for purpose in ("marketing", "service"):
                allowed = customer_id not in refused
                con.execute(
                    "insert into action.contact_permissions values (?, ?, ?, ?, ?)",
                    [customer_id, channel, purpose, allowed, "consent" if allowed else "refused"],
                )
    return con
