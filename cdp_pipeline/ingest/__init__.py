"""Ingest: from files in the landing folder to typed source tables, with nothing lost unnoticed.

How the parts work together::

    for contract in load_contracts(home_sql / "sources"):
        report = load_source(contract, landing, store, spill=spill)     # only what is new
        rows = current_rows(contract, report.deliveries, store=store)   # rows.sql over rows.files

- `contracts`: ``load_contracts(folder)``, `SourceTable`, `Column`, `ContractError`
- `landing`: ``discover(contract, landing)``, ``landed_state(contracts, landing)``, `LandedFile`
- `load`: ``load_source(...)`` -> `LoadReport`, ``load_delivery(...)`` -> `Delivery`; `Limits`
- `current`: ``current_rows(contract, deliveries, store=...)`` -> `CurrentRows`
- `ledger`: ``deliveries_table(...)``, ``rejected_table(...)`` -> `LedgerTable`
- `deliveries`: `Delivery` and its sidecar; `drift`: `Drift`; `text_files`, `values`: how CSV
  becomes records and values; `csv_files`, `parquet_files`, `typed_rows`, `judging`: one file read

Row accounting holds for every delivery: delivered = loaded + rejected + refused + already loaded.
"""

from cdp_pipeline.ingest.contracts import Column, ContractError, SourceTable, load_contracts
from cdp_pipeline.ingest.current import CurrentRows, current_rows
from cdp_pipeline.ingest.deliveries import Delivery, read_deliveries
from cdp_pipeline.ingest.drift import Drift
from cdp_pipeline.ingest.jobs import Limits
from cdp_pipeline.ingest.landing import LandedFile, LandingError, discover, landed_state
from cdp_pipeline.ingest.ledger import (
    DELIVERY_COLUMNS,
    REJECTED_COLUMNS,
    LedgerTable,
    deliveries_table,
    rejected_table,
)
from cdp_pipeline.ingest.load import LoadReport, load_delivery, load_source

__all__ = [
    "DELIVERY_COLUMNS",
    "REJECTED_COLUMNS",
    "Column",
    "ContractError",
    "CurrentRows",
    "Delivery",
    "Drift",
    "LandedFile",
    "LandingError",
    "LedgerTable",
    "Limits",
    "LoadReport",
    "SourceTable",
    "current_rows",
    "deliveries_table",
    "discover",
    "landed_state",
    "load_contracts",
    "load_delivery",
    "load_source",
    "read_deliveries",
    "rejected_table",
]
