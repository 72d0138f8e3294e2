"""Value end to end: amounts that hold later, the same bits for the same past, honest when thin."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest

from cdp_pipeline.prediction.value.buying import Buying
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.samples import History
from cdp_pipeline.prediction.value.train import needs_training
from cdp_pipeline_tests.prediction.support import Shop, simulated_shop

AS_OF = "2026-01-01"
DAY = date.fromisoformat(AS_OF)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulated_shop(AS_OF, 1000, seed=21)


@pytest.fixture(scope="module")
def model(shop: Shop) -> ValueModel:
    return shop.train_value()


def came(shop: Shop, days: int) -> dict[str, float]:
    return dict(
        shop.run(
            "select customer_id, cast(sum(net_home_amount) as double) from profiles.orders "
            f"where ordered_on > date '{AS_OF}' and ordered_on <= date '{AS_OF}' + {days} "
            "group by customer_id"
        )
    )


def test_amounts_add_up_to_what_came_and_the_best_tenth_spent_most(
    shop: Shop, model: ValueModel
) -> None:
    rows = [row for row in shop.value(model) if row["is_scored"]]
    spent = came(shop, model.horizon_days)
    promised = np.array([row["expected_value"] for row in rows])
    actual = np.array([spent.get(row["customer_id"], 0.0) for row in rows])
    # 1,000 simulated buyers: two standard errors of their total are about 12 %
    assert promised.sum() == pytest.approx(actual.sum(), rel=0.15)
    best = np.array([row["value_decile"] == 10 for row in rows])
    assert actual[best].mean() > 3 * actual[~best].mean()
    low = sum(row["expected_value_lo"] for row in rows)
    high = sum(row["expected_value_hi"] for row in rows)
    assert low < actual.sum() < high


def test_columns_of_a_customer_fit_together(shop: Shop, model: ValueModel) -> None:
    shop.knows("c_prospect")
    rows = shop.value(model)
    shop.run("delete from identity.identity_map where customer_id = 'c_prospect'")
    prospect = next(row for row in rows if row["customer_id"] == "c_prospect")
    assert prospect["not_scored_reason"] == "no_purchase_yet"
    assert prospect["expected_value"] is None
    for row in rows:
        if not row["is_scored"]:
            continue
        assert 0 <= row["expected_value_lo"] <= row["expected_value"] <= row["expected_value_hi"]
        assert row["expected_orders"] * row["expected_order_value"] == pytest.approx(
            row["expected_value"], abs=0.01 + 0.01 * row["expected_orders"]
        )
        assert row["expected_margin"] == pytest.approx(row["expected_value"] / 4, abs=0.02)
        assert row["expected_value_365_days"] >= row["expected_value"] * 0.99
    assert {row["method"] for row in rows} <= {"bgnbd_gamma_gamma", "learned", "mean_of_both"}


def test_p_active_is_that_of_the_churn_predictions(shop: Shop, model: ValueModel) -> None:
    shop.run(
        "create or replace table prediction.churn_predictions as select customer_id, "
        f"{model.horizon_days} as horizon_days, cast(0.25 as double) as p_churn "
        "from prediction.churn_features group by customer_id"
    )
    rows = shop.value(model)
    shop.run("delete from prediction.churn_predictions")
    assert {row["p_active"] for row in rows} == {0.75}


def test_rows_after_the_day_change_no_bit_of_the_model_and_no_value(
    shop: Shop, model: ValueModel
) -> None:
    before = shop.value(model)
    shop.run("begin")
    shop.run(
        f"update profiles.orders set net_home_amount = 1, is_purchase = false "
        f"where ordered_on > date '{AS_OF}'"
    )
    shop.run(
        "update profiles.order_lines set is_return = true, line_home_amount = -500, "
        f"margin_home_amount = 900 where ordered_on > date '{AS_OF}'"
    )
    shop.run(
        "insert into profiles.orders select source, order_id || ' again', customer_id, 'store', "
        f"true, 5000, 0, date '{AS_OF}' + 1 from profiles.orders"
    )
    again = shop.train_value()
    after = shop.value(model)
    shop.run("rollback")
    shop.build()
    assert again.to_bytes() == model.to_bytes()
    assert after == before


def test_shuffled_rows_and_another_thread_count_give_the_same_bytes(model: ValueModel) -> None:
    other = simulated_shop(AS_OF, 1000, seed=21, threads=1)
    for table in ("profiles.orders", "profiles.order_lines", "identity.identity_map"):
        row = table.split(".")[1]
        other.run(f"create or replace table {table} as from {table} order by md5({row}::varchar)")
    again = other.train_value()
    assert again.to_bytes() == model.to_bytes()


def test_a_model_read_back_forecasts_the_same_and_has_the_same_version(
    shop: Shop, model: ValueModel
) -> None:
    restored = ValueModel.from_bytes(model.to_bytes())
    assert restored.version == model.version
    assert shop.value(restored) == shop.value(model)


def test_a_model_of_another_horizon_is_not_used(shop: Shop, model: ValueModel) -> None:
    assert needs_training(shop.con, model) is None
    shop.run("update prediction.churn_cutoffs set horizon_days = 7")
    found = needs_training(shop.con, model)
    rows = shop.value(model)
    shop.build()
    assert found is not None
    assert found.endswith("the horizon is now 7 days")
    assert {row["not_scored_reason"] for row in rows} == {"model_out_of_date"}


def test_half_of_the_orders_missing_publishes_no_value(shop: Shop, model: ValueModel) -> None:
    shop.run("begin")
    shop.run(f"delete from profiles.orders where ordered_on > date '{AS_OF}' - 150")
    shop.build()
    shop.run(
        "update prediction.churn_cutoffs set horizon_days = "
        f"{model.horizon_days} where role = 'score'"
    )
    rows = shop.value(model)
    shop.run("rollback")
    # who bought in those days alone is a prospect again
    assert {row["not_scored_reason"] for row in rows} == {"model_out_of_date", "no_purchase_yet"}
    assert all(row["expected_value"] is None for row in rows)


def odd_shop(customers: int, days: int, purchases: int, amount: float = 100) -> Shop:
    """Return a shop of customers who buy one product at one price on random days."""
    shop, draws = Shop(AS_OF), np.random.default_rng(3)
    for number in range(customers):
        shop.knows(f"c_{number:03d}")
        for order in range(1 + (draws.poisson(purchases) if purchases else 0)):
            day = DAY - timedelta(days=int(draws.integers(0, days)))
            shop.buys(f"c_{number:03d}", day, amount, order_id=f"{number} {order}")
    return shop


@pytest.mark.parametrize(("customers", "days", "purchases"), [(0, 1, 0), (1, 1, 0), (200, 730, 0)])
def test_where_nobody_bought_again_no_value_is_told(
    customers: int, days: int, purchases: int
) -> None:
    shop = odd_shop(customers, days, purchases)
    model = shop.train_value()
    rows = shop.value(ValueModel.from_bytes(model.to_bytes()))
    assert model.method == "none"
    assert model.card["exported_because"].startswith("not enough data for value")
    assert len(rows) == customers
    assert {row["not_scored_reason"] for row in rows} <= {"not_enough_history"}


def test_thirty_customers_get_the_average_with_a_wide_interval() -> None:
    shop = odd_shop(30, 365, 5)
    model = shop.train_value()
    row = shop.value(model)[0]
    assert model.method == "average"
    assert "exported the average of all customers" in model.card["exported_because"]
    assert row["expected_value_hi"] > 1.3 * row["expected_value_lo"]
    assert (row["value_decile"], row["expected_value_365_days"]) == (None, None)
    assert row["parameter_status"] == "too_few"
    assert row["expected_margin"] is None


def test_a_week_of_history_is_no_obstacle_and_no_confident_amount() -> None:
    shop = odd_shop(200, 7, 1)
    model = shop.train_value()
    rows = shop.value(model)
    assert len(rows) == 200
    assert model.method in {"none", "average"}


def test_one_product_at_one_price_is_a_boundary_and_everybody_spends_that() -> None:
    draws = np.random.default_rng(2)
    x = draws.poisson(2.0, 300).astype(np.float64)
    observed = np.full(300, 50.0)
    t_x = np.where(x > 0, draws.uniform(10.0, 50.0, 300), 0.0)
    history = History(x, t_x, observed, 100.0 * (x + 1.0))
    buying = Buying.of(history)
    assert buying is not None
    assert buying.status == "boundary"
    assert buying.order_value(history) == pytest.approx(np.full(300, 100.0), abs=0.01)


def test_the_card_holds_no_customer_and_can_be_written_as_json(model: ValueModel) -> None:
    text = json.dumps(model.card, allow_nan=False)
    assert "c_0" not in text
    assert {"data", "candidates", "deciles", "concentration", "interval", "not_for"} <= set(
        model.card
    )
