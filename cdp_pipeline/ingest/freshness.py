"""How late a source is: one SELECT over the clock and the newest rows of the source tables.

Belongs here: what counts as a sign of life. A row counts by `event_at`, else by `changed_at`; where
the clock is today's, the day on which the last accepted file landed counts too. So a home whose
clock follows its events gets the same answer every time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import Delivery
from cdp_pipeline.warehouse.engine import identifier, literal

_DAY = dt.timedelta(days=1)


def freshness_table(
    contracts: Sequence[SourceTable], ledger: Mapping[str, Sequence[Delivery]]
) -> str:
    """Return the SELECT of ``sources.freshness``.

    Parameters
    ----------
    contracts : sequence of SourceTable
    ledger : Mapping
        The deliveries of each table; empty if the days on which files came do not count.
    """
    expected = [contract for contract in contracts if contract.expected_every is not None]
    rows = " union all ".join(_newest(c, ledger.get(c.name, ())) for c in expected)
    if not rows:
        rows = (
            "select cast(null as varchar) as source_table, cast(null as decimal(9,2)) as"
            " expected_every_days, cast(null as date) as newest_on where false"
        )
    return (
        "select source_table, expected_every_days, newest_on, as_of_on, as_of_on - newest_on as"
        " days_old, case when newest_on is not null then"
        " cast(greatest(ceil(as_of_on - newest_on - expected_every_days), 0) as bigint) end"
        " as days_late, as_of_on - newest_on > expected_every_days as is_late"
        f" from ({rows}) as newest cross join sources.run_clock as clock"
    )


def _newest(contract: SourceTable, deliveries: Sequence[Delivery]) -> str:
    every = (contract.expected_every or _DAY) / _DAY
    landed = [d.loaded_at[:10] for d in deliveries if d.status != "refused"]
    days = [f"cast({literal(max(landed))} as date)"] if landed else []
    by = next((c for c in (contract.event_at, contract.changed_at) if c is not None), None)
    if by is not None and contract.columns[by].kind in ("date", "timestamp"):
        column = identifier(by)
        day = (
            f"cast(timezone(time_zone, timezone('UTC', {column})) as date)"
            if contract.columns[by].kind == "timestamp"
            else column
        )
        # A mistyped year is no sign of life.
        days.append(f"max({day}) filter (where {day} <= as_of_on)")
    rows = f" left join {contract.name} on true" if len(days) > len(landed[:1]) else ""
    newest = f"greatest({', '.join(days)})" if days else "cast(null as date)"
    return (
        f"select {literal(contract.name)} as source_table, cast({every} as decimal(9,2)) as"
        f" expected_every_days, {newest} as newest_on"
        f" from (select as_of_on, time_zone from sources.run_clock) as now{rows}"
    )


def late_words(table: str, days_late: int, newest_on: dt.date, every_days: Decimal) -> str:
    """Return a sentence about a source that is late.

    >>> late_words("sources.crm_contacts", 3, dt.date(2026, 9, 26), Decimal("1.00"))
    'crm_contacts is 3 days late: nothing newer than 2026-09-26, expected every day'
    """
    days = "1 day" if days_late == 1 else f"{days_late} days"
    every = "day" if every_days == 1 else f"{every_days.normalize():f} days"
    name = table.removeprefix("sources.")
    return f"{name} is {days} late: nothing newer than {newest_on}, expected every {every}"
