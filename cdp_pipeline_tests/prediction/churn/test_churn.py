"""Churn end to end: honest about the past it has, the same bits whatever the order of rows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.train import needs_training
from cdp_pipeline_tests.prediction.support import Shop, simulated_shop

AS_OF = "2026-01-01"


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulated_shop(AS_OF, 1200, seed=11)


@pytest.fixture(scope="module")
def model(shop: Shop) -> ChurnModel:
    return shop.train()


def small_shop(customers: int, days: int, purchases: int) -> Shop:
    """Return a shop of customers who buy on random days."""
    shop, draws = Shop(AS_OF), np.random.default_rng(3)
    for number in range(customers):
        shop.knows(f"c_{number}")
        for order in range(1 + (draws.poisson(purchases) if purchases else 0)):
            day = date.fromisoformat(AS_OF) - timedelta(days=int(draws.integers(0, days)))
            shop.buys(f"c_{number}", day, 100, order_id=f"{number} {order}")
    return shop


def test_in_a_world_that_is_mbg_nbd_the_baseline_wins_and_the_card_says_so(
    model: ChurnModel,
) -> None:
    assert model.exported == "mbg_nbd"
    assert "does not beat the best baseline" in model.card["exported_because"]
    assert model.members == []
    exported = [row["candidate"] for row in model.card["candidates"] if row["is_exported"]]
    assert exported == ["mbg_nbd"]
    columns = ["repeat_count", "active_span_days", "tenure_days"]
    assert model.card["drivers"] == [{"driver": "mbg_nbd", "columns": columns}]


def test_what_no_baseline_can_see_makes_the_learned_model_win() -> None:
    shop = simulated_shop(AS_OF, 1500, seed=12)
    # customers of the store all leave within two months, which buying dates alone tell late
    shop.run("update profiles.orders set channel = case when md5_number_lower(customer_id) % 2 = 0 "
             "then 'store' else 'web' end")  # fmt: skip
    shop.run(
        "delete from profiles.orders as orders using (select customer_id, min(ordered_on) as day "
        "from profiles.orders group by customer_id) as firsts where orders.channel = 'store' and "
        "orders.customer_id = firsts.customer_id and orders.ordered_on > firsts.day + 60"
    )
    shop.run(
        "update profiles.orders set net_home_amount = "
        "case when channel = 'store' then 20 else 200 end"
    )
    model = shop.train()
    assert model.exported == "logistic_and_trees"
    assert model.card["learned_over_baseline"][model.baseline or ""]["auc"]["low"] > 0
    restored = ChurnModel.from_bytes(model.to_bytes())
    assert restored.version == model.version
    assert shop.score(restored) == shop.score(model)
    row = shop.score(model)[0]
    assert row["p_churn_baseline"] is not None
    assert row["baseline_name"] == model.baseline


def test_promises_come_true_in_the_days_that_followed(shop: Shop, model: ChurnModel) -> None:
    rows = [row for row in shop.score(model) if row["is_scored"]]
    buyers = {
        row[0]
        for row in shop.run(
            f"select customer_id from profiles.orders where ordered_on > date '{AS_OF}' "
            f"and ordered_on <= date '{AS_OF}' + {model.horizon_days}"
        )
    }
    promised = np.array([row["p_churn"] for row in rows])
    churned = np.array([row["customer_id"] not in buyers for row in rows])
    assert promised.mean() == pytest.approx(churned.mean(), abs=0.03)
    for fifth in np.array_split(np.argsort(promised), 5):
        # two standard errors of a share among 240 customers
        assert promised[fifth].mean() == pytest.approx(churned[fifth].mean(), abs=0.065)


def test_the_share_that_churned_of_a_tenth_lies_in_its_interval(
    shop: Shop, model: ChurnModel
) -> None:
    rows = [row for row in shop.score(model) if row["is_scored"]]
    buyers = {
        row[0]
        for row in shop.run(
            f"select customer_id from profiles.orders where ordered_on > date '{AS_OF}' "
            f"and ordered_on <= date '{AS_OF}' + {model.horizon_days}"
        )
    }
    covered = 0
    for tenth in range(1, 11):
        group = [row for row in rows if row["risk_decile"] == tenth]
        share = np.mean([row["customer_id"] not in buyers for row in group])
        low, middle, high = (
            np.mean([row[name] for row in group])
            for name in ("p_churn_lo", "p_churn", "p_churn_hi")
        )
        # the interval is of the probability; what 120 draws of it give varies by chance too
        chance = 1.96 * np.sqrt(middle * (1 - middle) / len(group))
        covered += (
            np.hypot(middle - low, chance) >= middle - share >= -np.hypot(high - middle, chance)
        )
    # of ten intervals of 95 %, fewer than eight hold once in ninety worlds
    assert covered >= 8


def test_every_customer_has_one_row_and_a_prospect_says_why(shop: Shop, model: ChurnModel) -> None:
    shop.knows("c_prospect")
    rows = shop.score(model)
    shop.run("delete from identity.identity_map where customer_id = 'c_prospect'")
    prospect = next(row for row in rows if row["customer_id"] == "c_prospect")
    assert len(rows) == len({row["customer_id"] for row in rows})
    assert prospect["not_scored_reason"] == "no_purchase_yet"
    assert (prospect["is_scored"], prospect["p_churn"], prospect["top_reason_1"]) == (
        False,
        None,
        None,
    )
    scored = [row for row in rows if row["is_scored"]]
    assert all(0 <= row["p_churn_lo"] <= row["p_churn"] <= row["p_churn_hi"] <= 1 for row in scored)
    assert {row["risk_decile"] for row in scored} == set(range(1, 11))
    assert all(row["p_churn"] == round(row["p_churn"], 6) for row in scored)


def test_reasons_say_the_customers_own_numbers(shop: Shop, model: ChurnModel) -> None:
    rows = {row["customer_id"]: row for row in shop.score(model) if row["is_scored"]}
    facts = dict(
        shop.run(
            "select customer_id, recency_days from prediction.churn_features "
            f"where cutoff_on = date '{AS_OF}'"
        )
    )
    silent = [row for row in rows.values() if row["top_reason_1_code"] == "silence"]
    assert len(silent) > 100
    assert all(f" {facts[row['customer_id']]} days ago" in row["top_reason_1"] for row in silent)
    riskiest = max(rows.values(), key=lambda row: row["p_churn"])
    assert riskiest["top_reason_1"].startswith("Raises the risk: ")


def test_rows_after_the_day_change_no_bit_of_the_model_and_no_score(
    shop: Shop, model: ChurnModel
) -> None:
    before = shop.score(model)
    shop.run("begin")
    shop.run(f"update profiles.orders set net_home_amount = 1, is_purchase = false "
             f"where ordered_on > date '{AS_OF}'")  # fmt: skip
    shop.run(
        "insert into profiles.orders select source, order_id || ' again', customer_id, 'store', "
        f"true, 5000, 0, date '{AS_OF}' + 1 from profiles.orders"
    )
    again = shop.train()
    after = shop.score(model)
    shop.run("rollback")
    shop.build()
    assert again.to_bytes() == model.to_bytes()
    assert after == before


def test_shuffled_rows_and_another_thread_count_give_the_same_bytes(model: ChurnModel) -> None:
    other = simulated_shop(AS_OF, 1200, seed=11, threads=1)
    for table in ("profiles.orders", "profiles.order_lines", "identity.identity_map"):
        row = table.split(".")[1]
        other.run(f"create or replace table {table} as from {table} order by md5({row}::varchar)")
    again = other.train()
    assert again.to_bytes() == model.to_bytes()


def test_learned_models_too_are_the_same_bytes_on_shuffled_rows_and_threads() -> None:
    from cdp_pipeline.prediction.churn.trial import Fitted
    from cdp_pipeline.prediction.samples import Population, design, read_cutoffs, read_samples
    from cdp_pipeline.prediction.threads import one_numeric_thread

    models = []
    for threads in (1, 2):
        shop = simulated_shop(AS_OF, 300, seed=13, threads=threads)
        if threads == 2:
            table = "profiles.orders"
            shop.run(f"create or replace table {table} as from {table} order by md5(order_id)")
        shop.build()
        days = [cutoff.cutoff_on for cutoff in read_cutoffs(shop.con)[:-1]]
        samples = read_samples(shop.con, days, seed=1)
        populations = {
            day: Population.of(samples.where(samples.cutoff_on == day))
            for day in np.unique(samples.cutoff_on).tolist()
        }
        with one_numeric_thread():
            fitted = Fitted.to(samples, populations, learn=True, seed=1)
            scores = fitted.predict_learned("logistic_and_trees", design(samples, populations))
        models.append(scores.round(9).tolist())
    assert models[0] == models[1]


def test_a_model_of_another_horizon_is_not_used(shop: Shop, model: ChurnModel) -> None:
    assert needs_training(shop.con, model) is None
    shop.run("update prediction.churn_cutoffs set horizon_days = 30")
    found = needs_training(shop.con, model)
    rows = shop.score(model)
    shop.build()
    assert found == "it was trained for 60 days, the horizon is now 30 days"
    assert {row["not_scored_reason"] for row in rows} == {"model_out_of_date"}


@pytest.mark.parametrize(
    ("customers", "days", "purchases"),
    [(0, 1, 0), (1, 1, 0), (30, 365, 0), (200, 7, 1), (300, 730, 0)],
)
def test_a_shop_without_two_kinds_of_outcome_gets_no_number(
    customers: int, days: int, purchases: int
) -> None:
    shop = small_shop(customers, days, purchases)
    model = shop.train()
    rows = shop.score(ChurnModel.from_bytes(model.to_bytes()))
    assert model.exported == "nothing"
    assert model.card["exported_because"].startswith("not enough data for churn")
    assert len(rows) == customers
    assert {row["not_scored_reason"] for row in rows} <= {"not_enough_history"}


def test_thirty_customers_get_the_share_of_all_with_a_wide_interval() -> None:
    shop = small_shop(30, 365, 5)
    model = shop.train()
    row = shop.score(model)[0]
    assert model.exported == "base_rate"
    assert "exported the share of all customers" in model.card["exported_because"]
    assert row["p_churn_hi"] - row["p_churn_lo"] > 0.2
    assert (row["risk_decile"], row["top_reason_1"], row["baseline_name"]) == (None, None, None)


def test_random_buying_exports_no_ranking() -> None:
    shop = small_shop(300, 365, 3)
    model = shop.train()
    assert model.exported == "base_rate"
    assert "better than chance" in model.card["exported_because"]
    assert {row["risk_decile"] for row in shop.score(model)} == {None}


def test_a_shop_whose_customers_all_return_is_not_told_that_all_will() -> None:
    shop = Shop(AS_OF)
    for number in range(40):
        shop.knows(f"c_{number}")
        for week in range(51):
            shop.buys(f"c_{number}", date(2025, 1, 1) + timedelta(days=7 * week + number % 7))
    model = shop.train()
    assert model.exported == "nothing"


def test_orders_without_an_exchange_rate_are_no_obstacle() -> None:
    shop = small_shop(100, 365, 4)
    shop.run("update profiles.orders set net_home_amount = null, return_home_amount = null")
    shop.run("update profiles.order_lines set line_home_amount = null")
    assert len(shop.score(shop.train())) == 100


def test_the_card_holds_no_customer_and_can_be_written_as_json(model: ChurnModel) -> None:
    import json

    text = json.dumps(model.card, allow_nan=False)
    assert "c_0" not in text
    assert {"data", "candidates", "slices", "reliability", "drivers", "not_for"} <= set(model.card)
    assert model.card["data"][-1] == {
        "cutoff_on": AS_OF,
        "role": "score",
        "outcome_until_on": None,
        "customers": None,
        "churned_share": None,
    }
