"""The ledger of deliveries, the rejected rows and the drift, and the assets of the whole layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import dagster as dg

from cdp_pipeline.defs.sources.freshness import TABLE as FRESHNESS
from cdp_pipeline.defs.sources.freshness import expected_tables, make_freshness
from cdp_pipeline.defs.sources.landed import PAST_RETENTION, load, store_of, touched_columns
from cdp_pipeline.defs.sources.run_clock import TABLE as CLOCK
from cdp_pipeline.defs.sources.run_clock import event_tables, make_clock
from cdp_pipeline.defs.sources.steward_decisions import DECISIONS, make_decisions, make_rejected
from cdp_pipeline.defs.sources.steward_decisions import REJECTED as REJECTED_DECISIONS
from cdp_pipeline.defs.tables import steps_asset
from cdp_pipeline.ingest import (
    SourceTable,
    deliveries_table,
    drift_table,
    read_deliveries,
    rejected_table,
)
from cdp_pipeline.project import home_contracts
from cdp_pipeline.settings import Home
from cdp_pipeline.sqlmodels import Project
from cdp_pipeline.warehouse import Made, TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.store import fingerprint_of

LEDGER = "sources.deliveries"
REJECTED = "sources.rejected_rows"
DRIFT = "sources.schema_drift"

Run = Callable[[Warehouse], list[TableVersion]]


def source_steps(home: Home) -> dict[str, Run]:
    """Return how each table of the layer is made."""
    contracts = home_contracts(home)
    steps: dict[str, Run] = {c.name: partial(_load, c) for c in contracts}
    steps[CLOCK] = partial(make_clock, contracts=contracts)
    steps[LEDGER] = partial(_make_ledger, contracts)
    steps[REJECTED] = partial(_make_rejected, contracts)
    steps[DRIFT] = partial(_make_drift, contracts)
    steps[FRESHNESS] = partial(make_freshness, contracts=contracts)
    steps[DECISIONS] = make_decisions
    steps[REJECTED_DECISIONS] = make_rejected
    return steps


def source_assets(home: Home, project: Project) -> list[dg.AssetsDefinition]:
    """Return the assets of the layer."""
    contracts = home_contracts(home)
    formats = {contract.name: contract.format for contract in contracts}
    names = [contract.name for contract in contracts]
    reads = {CLOCK: event_tables(home, contracts), LEDGER: names, REJECTED: names, DRIFT: names}
    reads[FRESHNESS] = [CLOCK, *expected_tables(contracts)]
    return [
        steps_asset(
            [project.tables[name]],
            run,
            project,
            home.root,
            kinds={"duckdb", formats.get(name, "python")},
            retries=2 if name in formats else 0,
            extra_reads=reads.get(name, ()),
        )
        for name, run in source_steps(home).items()
    ]


def _load(contract: SourceTable, warehouse: Warehouse) -> list[TableVersion]:
    return [load(contract, warehouse)]


def _make_ledger(contracts: Sequence[SourceTable], warehouse: Warehouse) -> list[TableVersion]:
    store = store_of(warehouse.home)
    ledger = {contract.name: read_deliveries(contract, store) for contract in contracts}
    heads = warehouse.store.heads()
    past: dict[str, int] = {}
    for contract in contracts:
        past |= heads[contract.name].figures.get(PAST_RETENTION, {})
    table = deliveries_table(
        contracts, ledger, touched=touched_columns(warehouse), past_retention=past
    )
    every = [delivery for deliveries in ledger.values() for delivery in deliveries]
    figures = {
        "rows_delivered": sum(d.rows_delivered for d in every),
        "rows_loaded": sum(d.rows_loaded for d in every if d.status == "loaded"),
        "rows_rejected": sum(d.rows_rejected for d in every if d.status == "loaded"),
        "rows_refused": sum(d.rows_refused for d in every),
        "rows_already_loaded": sum(d.rows_already_loaded for d in every),
        "rows_past_retention": sum(past.values()),
    }
    made = Made({LEDGER: table.sql}, figures)
    return warehouse.make([LEDGER], lambda _: made, code=fingerprint_of({"sql": table.sql}))


def _make_drift(contracts: Sequence[SourceTable], warehouse: Warehouse) -> list[TableVersion]:
    store = store_of(warehouse.home)
    ledger = {contract.name: read_deliveries(contract, store) for contract in contracts}
    table = drift_table(contracts, ledger, touched=touched_columns(warehouse))
    made = Made({DRIFT: table.sql})
    return warehouse.make([DRIFT], lambda _: made, code=fingerprint_of({"sql": table.sql}))


def _make_rejected(contracts: Sequence[SourceTable], warehouse: Warehouse) -> list[TableVersion]:
    store = store_of(warehouse.home)
    ledger = {contract.name: read_deliveries(contract, store) for contract in contracts}
    table = rejected_table(contracts, ledger, store=store)

    def logic(connection: Connection) -> Made:
        by_reason = connection.sql(
            f"select source_table || ': ' || reason, count(*) from ({table.sql}) as r "
            "group by all order by all"
        ).fetchall()
        return Made({REJECTED: table.sql}, {"by reason": dict(by_reason)})

    code = fingerprint_of({"sql": warehouse.store.portable(table.sql)})
    return warehouse.make([REJECTED], logic, code=code, files=table.files)
