"""The clock: what "now" is in this run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from cdp_pipeline.errors import StepError
from cdp_pipeline.ingest import SourceTable
from cdp_pipeline.settings import Home
from cdp_pipeline.warehouse import Made, TableVersion, Warehouse
from cdp_pipeline.warehouse.engine import Connection, identifier, literal
from cdp_pipeline.warehouse.step import python_code

TABLE = "sources.run_clock"


def event_tables(home: Home, contracts: Sequence[SourceTable]) -> list[str]:
    """Return the source tables whose newest event the clock follows."""
    if home.settings.as_of != "latest_event":
        return []
    return [contract.name for contract in contracts if contract.event_at]


def make_clock(warehouse: Warehouse, contracts: Sequence[SourceTable]) -> list[TableVersion]:
    """Set the clock as the home's settings say."""
    home = warehouse.home
    settings = home.settings

    def logic(connection: Connection) -> Made:
        as_of = _as_of(home, contracts, connection)
        row = (
            f"select date {literal(as_of.isoformat())} as as_of_on,"
            f" {literal(settings.time_zone)} as time_zone,"
            f" {literal(settings.currency)} as home_currency,"
            f" {literal(settings.country)} as home_country"
        )
        return Made({TABLE: row}, {"as_of_on": as_of.isoformat()})

    today = str(_today(home)) if settings.as_of == "today" else ""
    return warehouse.make(
        [TABLE],
        logic,
        code=python_code("cdp_pipeline.defs.sources.run_clock"),
        settings={**settings.that_change_results(), "today": today},
        extra_reads=event_tables(home, contracts),
    )


def _today(home: Home) -> dt.date:
    return dt.datetime.now(ZoneInfo(home.settings.time_zone)).date()


def _as_of(home: Home, contracts: Sequence[SourceTable], connection: Connection) -> dt.date:
    as_of = home.settings.as_of
    if isinstance(as_of, dt.date):
        return as_of
    if as_of == "today":
        return _today(home)
    zone = literal(home.settings.time_zone)
    newest = []
    for contract in contracts:
        if contract.event_at is None:
            continue
        column = identifier(contract.event_at)
        day = (
            f"timezone({zone}, timezone('UTC', {column}))::date"
            if contract.columns[contract.event_at].kind == "timestamp"
            else column
        )
        newest.append(f"select {day} as day from {contract.name}")
    if not newest:
        raise StepError(
            "`as_of: latest_event` needs a contract that names its event_at column.",
            "Name it in dbt_like_sql/sources, or set `as_of: today` in cdp.yml.",
        )
    # A mistyped year must not move the clock: what lies after the day of the run is not "now".
    day = connection.sql(
        f"select max(day) from ({' union all '.join(newest)}) "
        f"where day <= date {literal(_today(home).isoformat())}"
    ).fetchall()[0][0]
    if day is None:
        raise StepError(
            "`as_of: latest_event` found no event: no table with an event_at has rows.",
            f"Put exports below {home.landing.name}/, or set `as_of: today` in cdp.yml.",
        )
    found: dt.date = day
    return found
