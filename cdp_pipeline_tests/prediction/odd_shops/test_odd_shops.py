"""Whole homes of businesses too small or too odd to learn from: nothing breaks, nothing is feigned.

The odd cases of each model alone are beside its other tests; here exports become tables.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cdp_pipeline_tests.prediction.odd_shops.home import OddShop, Tables, make

NEWEST = date(2026, 6, 30)


def shop(*, customers: int, days: int, amount: float, products: int = 5, **options: Any) -> OddShop:
    """Return a shop whose customers buy now and then, on random days."""
    draws = np.random.default_rng(1)
    found = OddShop([f"c{number}" for number in range(customers)], **options)
    for customer in found.customers:
        for _ in range(draws.integers(1, 7)):
            day = NEWEST - timedelta(days=int(draws.integers(days)))
            found.sells(customer, f"p{draws.integers(products)}", day, amount)
    return found


def failing_rules(tables: Tables) -> list[str]:
    return [
        f"{name}: {check['rule']}"
        for name, version in tables.heads.items()
        for check in version.checks
        if check["severity"] == "block" and not check["passed"]
    ]


def assert_nobody_is_ranked(tables: Tables) -> None:
    ranked = tables.rows(
        "select count(risk_decile) as told from prediction.churn_predictions",
        "prediction.churn_predictions",
    )
    assert ranked == [{"told": 0}]


def assert_no_forecast_is_feigned(tables: Tables) -> None:
    assert failing_rules(tables) == []
    value = tables.rows(
        "select count(expected_value) as told from prediction.customer_value",
        "prediction.customer_value",
    )
    assert value == [{"told": 0}]
    learned = tables.rows(
        "select count(*) as told from prediction.product_recommendations where not is_fallback",
        "prediction.product_recommendations",
    )
    assert learned == [{"told": 0}]
    actions = tables.rows(
        "select max(expected_value_amount) as most from action.next_best_actions",
        "action.next_best_actions",
    )
    assert not actions[0]["most"]


def test_a_week_without_emails_or_products_is_not_enough_data_for_anything(tmp_path: Path) -> None:
    week = shop(customers=60, days=7, amount=100, has_emails=False, has_products=False)
    tables = make(week.write(tmp_path))
    assert_no_forecast_is_feigned(tables)
    assert_nobody_is_ranked(tables)
    for model in ("churn", "value", "recommendation"):
        assert tables.card(model)["exported_because"].startswith("not enough data for"), model
        assert "instead" in tables.card(model)["exported_because"], model


def test_a_currency_without_a_rate_has_customers_but_no_value(tmp_path: Path) -> None:
    abroad = shop(customers=60, days=700, amount=100, currency="USD")
    tables = make(abroad.write(tmp_path))
    assert_no_forecast_is_feigned(tables)
    assert "no amount known in the home currency" in tables.card("value")["exported_because"]
    measures = tables.rows(
        "select sum(net_spend_amount) as spend, min(orders_without_rate_count) as left_out "
        "from insight.customer_measures",
        "insight.customer_measures",
    )
    assert measures[0]["spend"] == 0
    assert measures[0]["left_out"] > 0


def test_a_year_of_few_customers_is_told_without_an_order_nobody_could_judge(
    tmp_path: Path,
) -> None:
    """Random buying filled all ten tenths of risk, and amounts from 0.02 to 211,000 were told."""
    year = shop(customers=60, days=365, amount=100)
    tables = make(year.write(tmp_path))
    assert failing_rules(tables) == []
    assert_nobody_is_ranked(tables)
    because = tables.card("churn")["exported_because"]
    assert because.startswith("not enough data to judge a churn score")
    assert "exported the calibrated baseline" in because
    chances = tables.rows(
        "select bool_and(p_churn_hi - p_churn_lo > 0.2) as is_wide, count(p_churn) as told "
        "from prediction.churn_predictions",
        "prediction.churn_predictions",
    )
    assert chances == [{"is_wide": True, "told": 60}]
    assert "instead" in tables.card("value")["exported_because"]
    amounts = tables.rows(
        "select count(value_decile) as ranked, max(expected_value_hi / expected_value) as widest "
        "from prediction.customer_value",
        "prediction.customer_value",
    )
    assert amounts[0]["ranked"] == 0
    assert amounts[0]["widest"] is None or 1.5 < amounts[0]["widest"] <= 10


def test_years_of_free_goods_without_product_numbers_have_no_value_and_no_list(
    tmp_path: Path,
) -> None:
    free = shop(customers=60, days=900, amount=0, has_products=False)
    free.sales = [(customer, "", day, amount) for customer, _, day, amount in free.sales]
    tables = make(free.write(tmp_path))
    assert_no_forecast_is_feigned(tables)
    assert_nobody_is_ranked(tables)
    assert "prices of zero" in tables.card("value")["exported_because"]
    listed = tables.rows(
        "select count(*) as listed from prediction.product_recommendations",
        "prediction.product_recommendations",
    )
    assert listed == [{"listed": 0}]
    assert "exported nothing" in tables.card("recommendation")["exported_because"]
    measures = tables.rows(
        "select sum(order_count) as orders, sum(net_spend_amount) as spend "
        "from insight.customer_measures",
        "insight.customer_measures",
    )
    assert measures == [{"orders": len(free.sales), "spend": 0}]


def test_one_customer_is_nobody_to_compare_with(tmp_path: Path) -> None:
    alone = OddShop(["c0"])
    for number in range(40):
        alone.sells("c0", f"p{number % 5}", NEWEST - timedelta(days=17 * number))
    tables = make(alone.write(tmp_path))
    assert_no_forecast_is_feigned(tables)
    assert_nobody_is_ranked(tables)
    scores = tables.rows(
        "select is_scored, not_scored_reason as reason from prediction.churn_predictions",
        "prediction.churn_predictions",
    )
    assert scores == [{"is_scored": False, "reason": "not_enough_history"}]


def test_goods_that_all_came_back_are_worth_nothing_to_tell(tmp_path: Path) -> None:
    """The few returns still under way made an average of 1.79, somewhere below 57,863,550,700."""
    draws = np.random.default_rng(1)
    sent_back = OddShop([f"c{number}" for number in range(60)])
    for customer in sent_back.customers:
        for _ in range(draws.integers(1, 7)):
            day = NEWEST - timedelta(days=int(draws.integers(20, 720)))
            product = f"p{draws.integers(5)}"
            sent_back.sells(customer, product, day, 100)
            sent_back.sells(customer, product, day + timedelta(days=5), -100)
    tables = make(sent_back.write(tmp_path))
    assert_no_forecast_is_feigned(tables)
    assert tables.card("value")["exported_because"].startswith("not enough data for value")
    own = tables.rows(
        "select count(*) as listed from prediction.product_recommendations "
        "where source = 'own_history'",
        "prediction.product_recommendations",
    )
    assert own == [{"listed": 0}]


def test_a_shop_of_one_day_knows_nothing_of_any_other(tmp_path: Path) -> None:
    opening = OddShop([f"c{number}" for number in range(60)])
    for number, customer in enumerate(opening.customers):
        opening.sells(customer, f"p{number % 5}", NEWEST)
    tables = make(opening.write(tmp_path))
    assert_no_forecast_is_feigned(tables)
    assert_nobody_is_ranked(tables)
    for model in ("churn", "value", "recommendation"):
        assert tables.card(model)["exported_because"].startswith("not enough data for"), model
        assert "instead" in tables.card(model)["exported_because"], model


@pytest.mark.parametrize("amount", [-50, None])
def test_who_only_returns_or_never_buys_is_no_buyer(tmp_path: Path, amount: float | None) -> None:
    nobody = (
        OddShop([f"c{number}" for number in range(30)])
        if amount is None
        else shop(customers=30, days=700, amount=amount)
    )
    if amount is None:  # a snapshot with no row at all would hide a broken delivery
        nobody.sells("", "p1", NEWEST)
    tables = make(nobody.write(tmp_path))
    assert_no_forecast_is_feigned(tables)
    assert_nobody_is_ranked(tables)
    reasons = tables.rows(
        "select distinct not_scored_reason as reason from prediction.churn_predictions",
        "prediction.churn_predictions",
    )
    assert reasons == [{"reason": "no_purchase_yet"}]
