"""How late a source is, and what a user reads of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from cdp_pipeline.ingest import (
    ContractError,
    SourceTable,
    freshness_table,
    late_words,
    load_contracts,
)
from cdp_pipeline_tests.ingest.conftest import Shop, ShopMaker


def _fresh(
    contract: SourceTable, *days: str, as_of: str = "2026-09-30"
) -> list[tuple[object, ...]]:
    con = duckdb.connect()
    con.execute("create schema sources")
    con.execute(
        "create table sources.run_clock as select date '" + as_of + "' as as_of_on,"
        " 'Europe/Stockholm' as time_zone"
    )
    con.execute(f"create table {contract.name} (paid_at timestamp)")
    for day in days:
        con.execute(f"insert into {contract.name} values (?)", [day])
    select = freshness_table([contract], {})
    return con.sql(f"select newest_on, days_old, days_late, is_late from ({select})").fetchall()


def test_a_source_is_late_beyond_what_is_expected(make_shop: ShopMaker) -> None:
    contract = make_shop("event_at: paid_at\nexpected_every: 1 day").contract
    today = dt.date(2026, 9, 30)
    assert _fresh(contract, "2026-09-30 10:00") == [(today, 0, 0, False)]
    assert _fresh(contract, "2026-09-28 23:00") == [(dt.date(2026, 9, 29), 1, 0, False)]
    assert _fresh(contract, "2026-09-26 10:00", "2020-01-01") == [
        (dt.date(2026, 9, 26), 4, 3, True)
    ]
    assert _fresh(contract, "2126-09-26 10:00", "2026-09-26 10:00")[0][2] == 3
    assert _fresh(contract) == [(None, None, None, None)]


def test_a_source_without_times_is_judged_by_its_last_file(
    shop: Shop, make_shop: ShopMaker
) -> None:
    shop = make_shop("expected_every: 2 days")
    shop.land_rows("orders.csv", "o1,Ada,1,2.50,2024-01-01,,no")
    (delivery,) = shop.load().deliveries
    con = duckdb.connect()
    today = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=5)
    con.execute("create schema sources")
    con.execute(
        f"create table sources.run_clock as select date '{today}' as as_of_on, 'UTC' as time_zone"
    )
    con.execute(f"create table {shop.contract.name} as select 1 as x from range(3)")
    select = freshness_table([shop.contract], {shop.contract.name: [delivery]})
    assert con.sql(f"select days_old, days_late from ({select})").fetchall() == [(5, 3)]


def test_no_expectation_is_no_row() -> None:
    con = duckdb.connect()
    con.execute("create schema sources")
    con.execute("create table sources.run_clock as select date '2026-01-01' as as_of_on")
    assert con.sql(freshness_table([], {})).fetchall() == []


def test_a_late_source_is_said_in_a_sentence() -> None:
    said = late_words("sources.crm_contacts", 3, dt.date(2026, 9, 26), Decimal("1.00"))
    assert said == "crm_contacts is 3 days late: nothing newer than 2026-09-26, expected every day"
    said = late_words("sources.erp_rates", 1, dt.date(2026, 9, 22), Decimal("7.00"))
    assert said.endswith("is 1 day late: nothing newer than 2026-09-22, expected every 7 days")


@pytest.mark.parametrize("text", ["daily", "0 days", "1", "99999 days", "a day"])
def test_a_duration_that_is_none_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(ContractError, match=r"shop.yml:6.*expected_every: is a number and hours"):
        ShopMaker(tmp_path)(f"expected_every: {text}")
    assert load_contracts(tmp_path / "nowhere") == []


def test_a_source_has_the_freshness_policy_that_its_contract_says() -> None:
    import dagster as dg

    from cdp_pipeline.defs.automation import with_freshness
    from cdp_pipeline.settings import find_home
    from cdp_pipeline_tests.homes import ROOT

    @dg.asset(key=["sources", "crm_contacts"])
    def contacts() -> None: ...

    @dg.asset(key=["sources", "crm_anything"])
    def anything() -> None: ...

    policies = [
        next(iter(asset.specs)).freshness_policy
        for asset in with_freshness([contacts, anything], find_home(ROOT))
    ]
    expected = [
        dg.FreshnessPolicy.time_window(warn_window=_days(1), fail_window=_days(2)),
        dg.FreshnessPolicy.time_window(warn_window=_days(1.5), fail_window=_days(2)),
    ]
    assert policies == expected


def _days(count: float) -> dt.timedelta:
    return dt.timedelta(days=count)
