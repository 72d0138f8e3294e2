"""A small shop whose exports the tests write, load and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cdp_pipeline.ingest import (
    CurrentRows,
    Delivery,
    LoadReport,
    SourceTable,
    current_rows,
    load_contracts,
    load_source,
    rejected_table,
)

READER = duckdb.connect()
"""Opened once: a database costs more than most of what the tests ask of it."""

COLUMNS = """
      order_id: {type: text, doc: "Order number."}
      customer: {type: text, personal: name, doc: "Who ordered."}
      pieces: {type: integer, doc: "Pieces."}
      amount: {type: "decimal(18,2)", required: true, doc: "Paid."}
      ordered_on: {type: date, doc: "Day."}
      paid_at: {type: timestamp, doc: "When it was paid."}
      is_gift: {type: boolean, doc: "Whether it is a gift."}
"""
HEADER = "order_id,customer,pieces,amount,ordered_on,paid_at,is_gift"


@dataclass
class Shop:
    """A contract, a landing folder and a store."""

    folder: Path
    contract: SourceTable

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def land(self, name: str, content: str | bytes) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land_rows(self, name: str, *rows: str, header: str = HEADER) -> Path:
        return self.land(name, "\n".join([header, *rows]) + "\n")

    def load(self) -> LoadReport:
        return load_source(self.contract, self.landing, self.store, spill=self.folder / "spill")

    def load_one(self) -> Delivery:
        (delivery,) = self.load().new
        return delivery

    def current(self) -> CurrentRows:
        return current_rows(self.contract, self.load().deliveries, store=self.store)

    def rows(self, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
        query = f"select {columns} from ({self.current().sql}) where {where} order by all"
        return READER.execute(query).fetchall()

    def rejected(
        self, columns: str = "record_number, column_name, reason"
    ) -> list[tuple[Any, ...]]:
        ledger = {self.contract.name: self.load().deliveries}
        table = rejected_table([self.contract], ledger, store=self.store)
        query = f"select {columns} from ({table.sql}) order by all"
        return READER.execute(query).fetchall()


@dataclass
class ShopMaker:
    folder: Path

    def __call__(
        self, fields: str = "", columns: str = COLUMNS, *, key: Sequence[str] = ("order_id",)
    ) -> Shop:
        given = [line.strip() for line in fields.strip().splitlines() if line.strip()]
        defaults = {
            "files": '"orders*"',
            "delivery": "snapshot",
            "key": f"[{', '.join(key)}]",
            "description": "One row per order.",
        }
        for line in given:
            defaults.pop(line.split(":")[0], None)
        body = "\n".join(f"    {f}" for f in [*given, *(f"{k}: {v}" for k, v in defaults.items())])
        sources = self.folder / "sources"
        sources.mkdir(exist_ok=True)
        (sources / "shop.yml").write_text(
            "system: shop\nowner: sales\ntime_zone: Europe/Stockholm\ntables:\n  orders:\n"
            f"{body}\n    columns:{columns}",
            encoding="utf-8",
        )
        (contract,) = load_contracts(sources)
        (self.folder / "landing").mkdir(exist_ok=True)
        return Shop(self.folder, contract)


@pytest.fixture
def make_shop(tmp_path: Path) -> ShopMaker:
    """Return a function that makes a shop from extra contract fields."""
    return ShopMaker(tmp_path)


@pytest.fixture
def shop(make_shop: ShopMaker) -> Shop:
    """A shop whose export is a plain CSV snapshot."""
    return make_shop()
