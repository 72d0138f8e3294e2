"""Ingest: from files in the landing folder to typed source tables, with nothing lost unnoticed.

How the parts work together::

    for contract in load_contracts(home_sql / "sources"):
        report = load_source(contract, landing, store, spill=spill)     # only what is new
        rows = current_rows(contract, report.deliveries, store=store)   # rows.sql over rows.files

- `contracts`: ``load_contracts(folder)``, `SourceTable`, `Column`, `ContractError`
- `landing`: ``discover(contract, landing)``, ``landed_state(contracts, landing)``, `LandedFile`
- `load`: ``load_source(...)`` -> `LoadReport`, ``load_delivery(...)`` -> `Delivery`; `Limits`
- `current`: ``current_rows(contract, deliveries, store=...)`` -> `CurrentRows`; `Aged`: retention
- `ledger`: ``deliveries_table``, ``rejected_table``, ``drift_table`` -> `LedgerTable`
- `deliveries`: `Delivery` and its sidecar; `drift`: `Drift`; `impact`: what a column goes into;
  `freshness`: how late a source is
- `plain_text`, `text_files`, `values`: how text becomes records and values; `diagnosis`: what form
  rejected values have; `csv_files`, `json_files`, `parquet_files`, `typed_rows`, `judging`: one
  file read

Row accounting holds for every delivery: delivered = loaded + rejected + refused + already loaded.
"""

from cdp_pipeline.ingest.contracts import Column, ContractError, SourceTable, load_contracts
from cdp_pipeline.ingest.current import Aged, CurrentRows, current_rows
from cdp_pipeline.ingest.deliveries import Delivery, read_deliveries
from cdp_pipeline.ingest.drift import Drift
from cdp_pipeline.ingest.freshness import freshness_table, late_words
from cdp_pipeline.ingest.impact import published_columns
from cdp_pipeline.ingest.jobs import Limits
from cdp_pipeline.ingest.landing import LandedFile, LandingError, discover, landed_state
from cdp_pipeline.ingest.ledger import (
    DELIVERY_COLUMNS,
    DRIFT_COLUMNS,
    REJECTED_COLUMNS,
    LedgerTable,
    deliveries_table,
    drift_table,
    rejected_table,
)
from cdp_pipeline.ingest.load import LoadReport, load_delivery, load_source

__all__ = [
    "DELIVERY_COLUMNS",
    "DRIFT_COLUMNS",
    "REJECTED_COLUMNS",
    "Aged",
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
    "drift_table",
    "freshness_table",
    "landed_state",
    "late_words",
    "load_contracts",
    "load_delivery",
    "load_source",
    "published_columns",
    "read_deliveries",
    "rejected_table",
]
