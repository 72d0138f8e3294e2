"""The runner itself: a case that is wrong must fail, and say how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cdp_pipeline.sqlmodels import Project
from cdp_pipeline_tests.sql.given_expect import check_case
from cdp_pipeline_tests.sqlmodels.conftest import LAYERS, Folder

TABLES = """
run_clock:
  made_by: python
  description: One row per run.
  owner: platform
  key: [as_of_on]
  columns:
    as_of_on: {type: date, doc: "Today."}
    time_zone: {type: varchar, doc: "Zone."}
    home_currency: {type: varchar, doc: "Currency."}
    home_country: {type: varchar, doc: "Country."}
"""
MODEL = """
-- One row per buyer.
select
    orders.email as buyer, -- Who.
    sum(orders.amount) as spend_amount, -- What they paid.
    max(clock.as_of_on) as as_of_on, -- Today.
    list_sort(list(orders.city)) as cities, -- Where.
    max(earlier.spend_amount) as earlier_amount, -- As it was.
from sources.shop_orders as orders
cross join sources.run_clock as clock
left join previous.buyers as earlier on orders.email = earlier.buyer
group by orders.email
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return (
        Folder(tmp_path)
        .write(
            {
                "layers.yml": LAYERS,
                "sources/_tables.yml": TABLES,
                "insight/buyers.sql": MODEL,
                "insight/_tables.yml": """
                    _previous: {buyers: {buyer: varchar, spend_amount: "decimal(38,2)"}}
                    buyers: {owner: insight, key: [buyer]}
                """,
            }
        )
        .load()
    )


GOOD = """
given:
  sources.shop_orders:
    - {order_id: 1, email: b, amount: 10.5, city: Umeå}
    - {order_id: 2, email: a, amount: 1}
    - {order_id: 3, email: b, amount: "0.25", city: Bro}
  previous.buyers:
    - {buyer: a, spend_amount: 7}
expect:
  - {buyer: b, spend_amount: 10.75, cities: [Bro, Umeå], as_of_on: 2026-01-31}
  - {buyer: a, earlier_amount: 7, spend_amount: 1}
"""


def case(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def test_a_case_that_holds_passes_in_whatever_order_it_lists_its_rows(project: Project) -> None:
    check_case(project, "insight.buyers", case(GOOD))
    check_case(project, "insight.buyers", {"given": {}, "expect": []})
    clock = GOOD.replace("2026-01-31", "2025-05-05") + "run_clock: {as_of_on: 2025-05-05}\n"
    check_case(project, "insight.buyers", case(clock))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("10.75", "10.76"),
        ("2026-01-31", "2026-02-01"),
        ("  - {buyer: a, earlier_amount: 7, spend_amount: 1}\n", ""),
        ("earlier_amount: 7", "earlier_amount: null"),
        ("spend_amount: 1}", "spent: 1}"),
        ("order_id: 1", "order_no: 1"),
        ("previous.buyers", "sources.shop_users"),
        ("expect", "expected"),
    ],
)
def test_a_case_that_does_not_hold_fails(project: Project, old: str, new: str) -> None:
    assert old in GOOD
    with pytest.raises(AssertionError):
        check_case(project, "insight.buyers", case(GOOD.replace(old, new)))


def test_a_case_of_a_table_that_is_not_there_fails(project: Project) -> None:
    with pytest.raises(AssertionError, match="there is no table"):
        check_case(project, "insight.sellers", case(GOOD))
