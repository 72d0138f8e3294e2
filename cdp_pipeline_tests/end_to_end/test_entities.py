"""What the further entities promise of a whole run: visitors and outsiders' facts."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from cdp_pipeline.settings import find_home
from cdp_pipeline.warehouse.store import Store
from cdp_pipeline_tests.homes import DemoHome

pytestmark = pytest.mark.slow

# The demo's history ends on 2026-09-30; this is 90 days before.
OLDEST_DAY = "2026-07-02"


class Warehouse:
    """The current tables of a home, asked in SQL that names them as {layer.table}."""

    def __init__(self, home: DemoHome) -> None:
        self.store = Store(find_home(home.root))
        self.heads = self.store.heads()

    def rows(self, query: str) -> list[tuple]:
        for name, version in self.heads.items():
            query = query.replace(f"{{{name}}}", f"({self.store.select(version)})")
        with duckdb.connect() as con:
            return con.sql(query).fetchall()

    def holding(self, *columns: str) -> dict[str, str]:
        """Return each table that has one of these columns, with that column."""
        return {
            name: column
            for name, version in self.heads.items()
            for column, _ in version.columns
            if column in columns
        }


@pytest.fixture(scope="module")
def warehouse(published_home: DemoHome) -> Warehouse:
    return Warehouse(published_home)


@pytest.fixture(scope="module")
def visitors(small_company: Path) -> list[dict]:
    return pq.read_table(small_company / "landing/analytics/visitors.parquet").to_pylist()


def test_no_visitor_without_a_login_has_a_customer(warehouse: Warehouse) -> None:
    for table in ("profiles.anonymous_visitors", "profiles.web_events", "profiles.carts"):
        ((rows,),) = warehouse.rows(f"select count(*) from {{{table}}} where customer_id is null")
        assert rows > 5, f"{table} has no stranger to speak of"
    ((joined,),) = warehouse.rows(
        """
        select
            (select count(*) from {profiles.anonymous_visitors}
                where customer_id is not null and not is_logged_in)
            + (select count(*) from {profiles.web_events}
                where customer_id is not null and record_id is null)
            + (select count(*) from {profiles.carts}
                where customer_id is not null and record_id is null)
        """
    )
    assert joined == 0


def test_a_visitor_has_the_customer_of_the_record_that_logged_in(
    warehouse: Warehouse, visitors: list[dict]
) -> None:
    customers = dict(
        warehouse.rows(
            "select record_id, customer_id from {identity.identity_map} where source = 'webshop'"
        )
    )
    expected = sorted(
        customers[v["user_id"]]
        for v in visitors
        if v["user_id"] and str(v["last_seen"])[:10] >= OLDEST_DAY
    )
    found = warehouse.rows(
        "select customer_id from {profiles.anonymous_visitors} where customer_id is not null"
    )
    assert sorted(customer for (customer,) in found) == expected


def test_a_cookie_not_seen_for_90_days_is_in_no_table(
    warehouse: Warehouse, visitors: list[dict]
) -> None:
    old = {str(v["cookie"]) for v in visitors if str(v["last_seen"])[:10] < OLDEST_DAY}
    assert len(old) > 100
    tables = warehouse.holding("visitor_id", "cookie")
    assert set(tables) >= {"sources.analytics_visitors", "staging.carts", "profiles.web_events"}
    for table, column in tables.items():
        kept = {cookie for (cookie,) in warehouse.rows(f"select {column} from {{{table}}}")}
        assert not kept & old, table
    ((count,),) = warehouse.rows("select count(*) from {profiles.anonymous_visitors}")
    assert count == len(visitors) - len(old)


def test_a_fact_from_outside_is_an_attribute_until_its_licence_ends(
    warehouse: Warehouse, small_company: Path
) -> None:
    with (small_company / "landing/enrichment/facts.csv").open(encoding="utf-8") as file:
        facts = [row for row in csv.DictReader(file) if row["fact_id"]]
    in_force = {f["fact_id"] for f in facts if f["expires_on"] >= "2026-09-30"} - {"899999"}
    found = warehouse.rows("select enrichment_id from {profiles.enrichments}")
    assert {fact for (fact,) in found} == in_force
    rows = warehouse.rows(
        """
        select attribute, record_id, licence, expires_on::varchar
        from {profiles.customer_attributes} where starts_with(attribute, 'enrichment.')
        """
    )
    assert len(rows) > 50
    assert {attribute.split(".")[1] for attribute, *_ in rows} == {"second", "third"}
    assert all(licence and day >= "2026-09-30" for _, _, licence, day in rows)
    assert {record for _, record, *_ in rows} <= in_force


def test_what_the_crm_says_stands_beside_what_the_broker_says(warehouse: Warehouse) -> None:
    ((both, overwritten),) = warehouse.rows(
        """
        select count(*), count(*) filter (where own.source <> 'crm')
        from {profiles.customer_attributes} as own
        join {profiles.customer_attributes} as sold using (customer_id)
        where own.attribute = 'preferred_store'
            and sold.attribute = 'enrichment.third.preferred_store'
        """
    )
    assert both > 3
    assert overwritten == 0
