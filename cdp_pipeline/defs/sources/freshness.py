"""How late the sources are: the newest row of each against how often one is expected."""

from __future__ import annotations

from collections.abc import Sequence

from cdp_pipeline.defs.sources.landed import store_of
from cdp_pipeline.ingest import SourceTable, freshness_table, late_words, read_deliveries
from cdp_pipeline.warehouse import Made, TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import Connection
from cdp_pipeline.warehouse.store import fingerprint_of

TABLE = "sources.freshness"


def expected_tables(contracts: Sequence[SourceTable]) -> list[str]:
    """Return the source tables of which something new is expected every so often."""
    return [contract.name for contract in contracts if contract.expected_every is not None]


def make_freshness(warehouse: Warehouse, contracts: Sequence[SourceTable]) -> list[TableVersion]:
    """Compare what is newest in each source with the clock."""
    store = store_of(warehouse.home)
    # Only where the clock is today's does it matter on which day a file came.
    is_today = warehouse.home.settings.as_of == "today"
    ledger = {c.name: read_deliveries(c, store) for c in contracts} if is_today else {}
    select = freshness_table(contracts, ledger)

    def logic(connection: Connection) -> Made:
        late = connection.sql(
            f"select source_table, days_late, newest_on, expected_every_days from ({select})"
            " where is_late order by source_table"
        ).fetchall()
        return Made({TABLE: select}, {"late": [late_words(*row) for row in late]})

    return warehouse.make(
        [TABLE],
        logic,
        code=fingerprint_of({"sql": select}),
        extra_reads=["sources.run_clock", *expected_tables(contracts)],
    )
