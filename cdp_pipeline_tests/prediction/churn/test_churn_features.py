"""What is known of a customer on a day: by eye, and never a day later."""

from __future__ import annotations

from typing import Any

import pytest

from cdp_pipeline_tests.prediction.support import Shop

CUTOFFS = """
    create or replace table prediction.churn_cutoffs as
    select
        cutoff_on, role, 90 as horizon_days,
        case when role <> 'score' then cutoff_on + 90 end as label_until_on,
        date '2026-01-01' as as_of_on, 'SEK' as home_currency
    from (values (date '2025-06-30', 'judge'), (date '2026-01-01', 'score'))
        as days (cutoff_on, role)
"""


def features_of(shop: Shop, customer: str, day: str = "2025-06-30") -> dict[str, Any]:
    """Return the row of a customer on one of two fixed cut-offs."""
    shop.run(CUTOFFS)
    shop.build("churn_features")
    found = shop.con.execute(
        f"select * from prediction.churn_features where customer_id = '{customer}' "
        f"and cutoff_on = date '{day}'"
    )
    names = [column[0] for column in found.description]
    rows = found.fetchall()
    assert len(rows) <= 1
    return dict(zip(names, rows[0], strict=True)) if rows else {}


@pytest.fixture
def shop() -> Shop:
    return Shop("2026-01-01")


def test_days_counts_and_amounts_are_those_of_the_orders_up_to_the_day(shop: Shop) -> None:
    shop.buys("c_1", "2025-01-01", 100, category="tea")
    shop.buys("c_1", "2025-02-10", 50, category="cups", channel="store")
    shop.buys("c_1", "2025-05-21", 150, category="tea", discount=10)
    row = features_of(shop, "c_1")
    assert row["recency_days"] == 40
    assert row["tenure_days"] == 180
    assert row["active_span_days"] == 140
    assert row["repeat_count"] == 2
    assert row["last_gap_days"] == 100
    assert row["gap_deviation_days"] == 30
    assert row["recent_purchase_day_count"] == 1
    assert row["earlier_purchase_day_count"] == 1
    assert row["year_spend_amount"] == 300
    assert row["last_order_amount"] == 150
    assert row["mean_order_amount"] == 100
    assert (row["category_count"], row["channel_count"]) == (2, 2)
    assert row["discounted_line_ratio"] == pytest.approx(1 / 3)
    # 140 days and one imagined gap of everybody's 70, over three purchases
    assert row["expected_gap_days"] == 70
    assert row["days_overdue_ratio"] == pytest.approx(40 / 70)


def test_two_orders_on_one_day_are_one_purchase(shop: Shop) -> None:
    shop.buys("c_1", "2025-05-21", 100)
    shop.buys("c_1", "2025-05-21", 60)
    row = features_of(shop, "c_1")
    assert row["repeat_count"] == 0
    assert row["mean_order_amount"] == 160


def test_a_receipt_that_only_takes_goods_back_is_no_purchase(shop: Shop) -> None:
    shop.buys("c_1", "2025-05-01", 100)
    shop.buys("c_1", "2025-06-01", -40)
    row = features_of(shop, "c_1")
    assert row["recency_days"] == 60
    assert row["year_return_line_count"] == 1
    assert row["year_spend_amount"] == 60
    assert row["return_ratio"] == pytest.approx(0.4)


def test_who_only_returned_or_bought_later_has_no_row(shop: Shop) -> None:
    shop.buys("c_1", "2025-06-01", -40)
    shop.buys("c_2", "2025-07-01", 40)
    shop.buys("c_3", "2025-05-01", 40)
    assert features_of(shop, "c_1") == {}
    assert features_of(shop, "c_2") == {}


def test_the_outcome_is_a_purchase_after_the_day_and_within_the_horizon(shop: Shop) -> None:
    for customer, later in [("on the day", "2025-06-30"), ("next day", "2025-07-01"),
                            ("last day", "2025-09-28"), ("too late", "2025-09-29")]:  # fmt: skip
        shop.buys(customer, "2025-05-01")
        shop.buys(customer, later)
    outcomes = {
        customer: features_of(shop, customer)["has_purchase_in_horizon"]
        for customer in ("on the day", "next day", "last day", "too late")
    }
    assert outcomes == {"on the day": False, "next day": True, "last day": True, "too late": False}


def test_the_scored_day_has_no_outcome(shop: Shop) -> None:
    shop.buys("c_1", "2025-05-01")
    assert features_of(shop, "c_1", "2026-01-01")["has_purchase_in_horizon"] is None


def test_a_message_counts_on_the_local_day_it_was_opened_and_a_control_never(shop: Shop) -> None:
    shop.knows("c_1")
    shop.buys("c_1", "2025-05-01")
    # the second is opened at 00:30 on 1 July in Stockholm, after the cut-off
    for number, opened in enumerate(["2025-06-30 20:00:00", "2025-06-30 22:30:00"]):
        shop.insert(
            "staging.messages",
            (str(number), "crm", "record of c_1", False, "2025-06-29 10:00:00", opened, None),
        )
    shop.insert(
        "staging.messages",
        ("3", "crm", "record of c_1", True, "2025-06-29 10:00:00", None, None),
    )
    row = features_of(shop, "c_1")
    assert (row["message_count"], row["opened_message_count"]) == (2, 1)


def test_a_ticket_closed_after_the_day_was_open_on_it(shop: Shop) -> None:
    shop.knows("c_1")
    shop.buys("c_1", "2025-05-01")
    shop.insert(
        "staging.tickets",
        ("1", "crm", "record of c_1", "2025-06-01 08:00:00", "2025-07-15 08:00:00"),
    )
    row = features_of(shop, "c_1")
    assert (row["ticket_count"], row["open_ticket_count"]) == (1, 1)


def test_nothing_dated_after_the_day_changes_a_feature(shop: Shop) -> None:
    shop.knows("c_1", "c_2")
    for customer in ("c_1", "c_2"):
        shop.buys(customer, "2025-01-01")
        shop.buys(customer, "2025-03-01", 70)
    before = {name: features_of(shop, name) for name in ("c_1", "c_2")}
    shop.buys("c_1", "2025-07-01", 9_000, category="new", channel="store")
    shop.buys("c_2", "2025-07-02", -70)
    shop.buys("c_3", "2025-07-01", 10)
    shop.insert(
        "staging.messages",
        ("1", "crm", "record of c_1", False, "2025-07-01 10:00:00", "2025-07-01 10:00:00", None),
    )
    shop.insert("staging.tickets", ("1", "crm", "record of c_1", "2025-07-01 10:00:00", None))
    for name, row in before.items():
        after = features_of(shop, name)
        label = "has_purchase_in_horizon"
        assert {**after, label: None} == {**row, label: None}


def test_the_horizon_is_the_usual_period_nearest_to_four_in_five_gaps() -> None:
    shop = Shop("2026-01-01")
    for customer in range(40):
        # gaps of 25 days and one of 100: the fourth fifth of the gaps still is 25
        for day in (0, 25, 50, 75, 100, 200, 225, 250):
            shop.run(
                "insert into profiles.orders values ('web', uuid()::varchar, "
                f"'c_{customer}', 'web', true, 10, 0, date '2025-01-01' + {day})"
            )
    shop.run(
        "insert into profiles.orders values "
        "('web', 'first', 'c_x', 'web', true, 10, 0, date '2024-01-01')"
    )
    shop.build("churn_horizon")
    assert shop.run("select horizon_days, basis, gap_days_p80 from prediction.churn_horizon") == [
        (30, "rhythm", 25)
    ]


def test_a_history_too_short_for_the_rhythm_bounds_the_horizon() -> None:
    shop = Shop("2026-01-01")
    shop.buys("c_1", "2025-11-01")
    shop.buys("c_1", "2026-01-01")
    shop.build("churn_horizon")
    assert shop.run("select horizon_days, basis from prediction.churn_horizon") == [(14, "history")]


def test_every_outcome_is_over_when_the_run_stands_and_judged_days_come_last() -> None:
    shop = Shop("2026-01-01")
    for day in ("2023-01-01", "2025-12-20"):
        shop.buys("c_1", day)
    shop.build("churn_horizon", "churn_cutoffs")
    rows = shop.run(
        "select role, label_until_on::varchar from prediction.churn_cutoffs order by cutoff_on"
    )
    assert [role for role, _ in rows] == ["train"] * 5 + ["judge"] * 2 + ["score"]
    # orders end on 20 December: a later day would count what is not delivered yet as churn
    assert max(until for _, until in rows if until) == "2025-12-20"
