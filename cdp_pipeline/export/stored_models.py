"""A trained model as a table's one row, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from cdp_pipeline.errors import StepError
from cdp_pipeline.warehouse.engine import Connection


def model_row(
    con: Connection, name: str, version: str, payload: bytes, card: Mapping[str, Any]
) -> str:
    """Return a table of one row: the model's name, version, bytes and card."""
    row = {
        "model_name": [name],
        "model_version": [version],
        "payload": [payload],
        "card": [json.dumps(card, sort_keys=True, ensure_ascii=False, default=str)],
    }
    con.register(f"{name}_model_row", pa.table(row))
    return f"{name}_model_row"


def stored_model(con: Connection, table: str) -> bytes:
    """Return the bytes of the model in a table of one row."""
    rows = con.sql(f"select payload from {table}").fetchall()
    if len(rows) != 1:
        raise StepError(f"{table} holds no model.", "`cdp run --train` makes one.")
    return bytes(rows[0][0])


def stored_champion(con: Connection, name: str) -> bytes | None:
    """Return the bytes of the model that training may replace, None before the first."""
    seen = con.sql(
        "select count(*) from information_schema.tables "
        f"where table_schema = 'stored' and table_name = '{name}'"
    ).fetchall()
    return stored_model(con, f"stored.{name}") if seen[0][0] else None
