from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from cdp_pipeline.prediction.recommendations.model import RecommendationModel
from cdp_pipeline_tests.prediction.recommendations.shop import (
    Shop,
    tasteful_purchases,
    tasteful_shop,
)

TODAY = date(2026, 3, 1)
CUSTOMERS = 260


@pytest.fixture(scope="module")
def shop() -> Shop:
    return tasteful_shop(TODAY, CUSTOMERS, seed=3)


@pytest.fixture(scope="module")
def model(shop: Shop) -> RecommendationModel:
    return shop.train()


@pytest.fixture(scope="module")
def rows(shop: Shop, model: RecommendationModel) -> list[dict[str, Any]]:
    return shop.recommend(model)


def by_customer(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["customer_id"], []).append(row)
    return found


def test_the_ranker_beats_the_fallback_where_tastes_tell_what_comes_next(
    model: RecommendationModel,
) -> None:
    assert model.exported == "ranker", model.card["exported_because"]
    assert model.card["learned_over_fallback"]["recall_at_10"]["low"] > 0.05
    assert model.card["reliability"]
    assert model.card["drivers"]


def test_recommendations_keep_to_the_customers_taste(rows: list[dict[str, Any]]) -> None:
    # the taste is the second part of a product's id; a blind draw would hit one in six
    own = {c: p.split("_")[1] for c, p, _ in tasteful_purchases(TODAY, CUSTOMERS, seed=3)
           if p != "best_seller"}  # fmt: skip
    tastes = [
        row["product_id"].split("_")[1] == own[row["customer_id"]]
        for row in rows
        if row["product_id"] != "best_seller"
    ]
    assert np.mean(tastes) > 0.9


def test_repeats_and_new_products_are_ranked_apart(rows: list[dict[str, Any]]) -> None:
    for listed in by_customer(rows).values():
        assert [row["rank"] for row in listed] == list(range(1, len(listed) + 1))
        for kind in (True, False):
            places = [row["rank_within_kind"] for row in listed if row["is_repeat"] is kind]
            assert places == list(range(1, len(places) + 1))
        assert [row["score"] for row in listed] == sorted(
            (row["score"] for row in listed), reverse=True
        )


def test_every_reason_agrees_with_its_columns(shop: Shop, rows: list[dict[str, Any]]) -> None:
    bought = {
        (customer, product): days
        for customer, product, days in shop.run(
            "select customer_id, product_id, count(*) from prediction.product_purchases "
            "group by 1, 2"
        )
    }
    sources = Counter(row["source"] for row in rows)
    assert {"own_history", "bought_together", "similar_customers"} <= set(sources)
    for row in rows:
        key = (row["customer_id"], row["product_id"])
        assert row["is_repeat"] == (key in bought)
        if row["source"] == "own_history":
            assert row["evidence_count"] == bought[key]
            assert row["days_since_last_bought"] >= 0
        assert (row["source"] == "bought_together") == (row["because_product_id"] is not None)
        if row["because_product_id"]:
            assert (row["customer_id"], row["because_product_id"]) in bought
            assert row["evidence_count"] >= 2
            assert row["because_product_id"] in row["reason"]
        assert str(row["evidence_count"]) in row["reason"] or "once" in row["reason"]


def test_the_probability_holds_for_what_came() -> None:
    # as of four weeks ago, against the week that followed
    earlier = Shop(TODAY - timedelta(days=28))
    purchases = tasteful_purchases(TODAY, CUSTOMERS, seed=3)
    earlier.sells([row for row in purchases if row[2] <= earlier.as_of_on])
    model = earlier.train()
    assert model.exported == "ranker"
    until = earlier.as_of_on + timedelta(days=model.horizon_days)
    came = {(c, p) for c, p, day in purchases if earlier.as_of_on < day <= until}
    rows = earlier.recommend(model)
    promised = np.mean([row["p_purchase"] for row in rows])
    observed = np.mean([(row["customer_id"], row["product_id"]) in came for row in rows])
    assert abs(promised - observed) < 0.02


def test_rows_after_the_as_of_day_change_nothing(
    model: RecommendationModel, rows: list[dict[str, Any]]
) -> None:
    later = tasteful_shop(TODAY, CUSTOMERS, seed=3)
    later.sells(
        [
            (
                f"c_{n % CUSTOMERS:04d}",
                f"p_{n % 6}_{n % 15:02d}",
                TODAY + timedelta(days=1 + n % 20),
            )
            for n in range(300)
        ]
    )
    later.sells([("c_0001", "p_1_01", TODAY + timedelta(days=3))], is_return=True)
    again = later.train()
    assert again.version == model.version
    assert later.recommend(again) == rows


def test_neither_row_order_nor_threads_change_anything(
    model: RecommendationModel, rows: list[dict[str, Any]]
) -> None:
    other = Shop(TODAY, threads=1)
    purchases = tasteful_purchases(TODAY, CUSTOMERS, seed=3)
    order = np.random.default_rng(9).permutation(len(purchases))
    other.sells([purchases[place] for place in order])
    again = other.train()
    assert again.to_bytes() == model.to_bytes()
    assert other.recommend(again) == rows


def test_a_model_comes_back_from_its_bytes(
    shop: Shop, model: RecommendationModel, rows: list[dict[str, Any]]
) -> None:
    again = RecommendationModel.from_bytes(model.to_bytes())
    assert again.version == model.version
    assert shop.recommend(again) == rows


def test_what_is_gone_or_was_returned_is_recommended_to_nobody(model: RecommendationModel) -> None:
    shop = tasteful_shop(TODAY, CUSTOMERS, seed=3)
    for taste in range(6):
        shop.lists(f"p_{taste}_00", is_discontinued=True)
        shop.stocks(f"p_{taste}_01", 0)
        # two locations that cancel each other out
        shop.stocks(f"p_{taste}_02", 4, "north")
        shop.stocks(f"p_{taste}_02", -4, "south")
        shop.stocks(f"p_{taste}_03", 1000)
    kept = tasteful_purchases(TODAY, CUSTOMERS, seed=3)
    returned = [(c, p, TODAY) for c, p, _ in kept if p.endswith("_05")]
    times = Counter((c, p) for c, p, _ in kept)
    shop.sells([row for row in returned for _ in range(times[row[:2]])], is_return=True)
    bought_again = [(c, p, TODAY) for c, p, _ in returned[:20]]
    shop.sells([row for row in bought_again for _ in range(times[row[:2]] + 1)])
    for made in (model, shop.train()):
        found = shop.recommend(made)
        ends = {row["product_id"][-3:] for row in found}
        assert not ends & {"_00", "_01", "_02"}
        assert {"_03", "_04"} <= ends
        welcome = {(c, p) for c, p, _ in bought_again}
        listed = {(row["customer_id"], row["product_id"]) for row in found}
        assert not listed & ({(c, p) for c, p, _ in returned} - welcome)


def test_who_refused_profiling_gets_what_everybody_could_get() -> None:
    shop = tasteful_shop(TODAY, CUSTOMERS, seed=3)
    shop.hears_of_profiling("c_0001", is_granted=False, at="2026-01-05 10:00:00")
    shop.hears_of_profiling("c_0002", is_granted=False, at="2026-01-05 10:00:00")
    shop.hears_of_profiling("c_0002", is_granted=True, at="2026-01-06 10:00:00")
    shop.hears_of_profiling("c_0003", is_granted=False, at="2026-01-05 10:00:00")
    shop.knows("c_new")
    found = by_customer(shop.recommend(shop.train()))
    best_sellers = [row["product_id"] for row in found["c_new"]]
    for customer in ("c_0001", "c_0003"):
        assert [row["product_id"] for row in found[customer]] == best_sellers
        assert {row["fallback_because"] for row in found[customer]} == {"refused_profiling"}
        assert {row["source"] for row in found[customer]} == {"popular"}
        assert not any(row["is_repeat"] for row in found[customer])
    assert not any(row["is_fallback"] for row in found["c_0002"])
    assert {row["fallback_because"] for row in found["c_new"]} == {"never_bought"}


def test_short_stock_goes_to_those_most_likely_to_buy() -> None:
    shop = tasteful_shop(TODAY, CUSTOMERS, seed=3)
    model = shop.train()
    before = by_customer(shop.recommend(model))
    wanted = {c: r for c, listed in before.items() for r in listed if r["product_id"] == "p_1_04"}
    units = round(sum(row["p_purchase"] for row in wanted.values()) / 2, 3)
    shop.stocks("p_1_04", units)
    shop.build()
    after = by_customer(shop.recommend(model))
    given = {c: r for c, listed in after.items() for r in listed if r["product_id"] == "p_1_04"}
    assert 0 < len(given) < len(wanted)
    assert sum(row["p_purchase"] for row in given.values()) <= units + 1e-6 * len(given)
    turned_down = [wanted[c]["p_purchase"] for c in wanted if c not in given]
    assert min(row["p_purchase"] for row in given.values()) >= max(turned_down)
    assert all(row["is_stock_limited"] for row in given.values())
    for customer in wanted.keys() - given.keys():
        rows = after[customer]
        assert len(rows) == len(before[customer])
        place = wanted[customer]["rank"]
        assert {row["instead_of_product_id"] for row in rows[place - 1 :]} == {"p_1_04"}
        assert {row["instead_of_product_id"] for row in rows[: place - 1]} <= {None}


def test_a_shop_too_small_exports_the_fallback_as_its_sql_gives_it() -> None:
    shop = tasteful_shop(TODAY, 30, seed=5)
    shop.knows("c_new")
    model = shop.train()
    assert model.exported == "fallback"
    assert "not enough data for a learned ranking" in model.card["exported_because"]
    found = shop.recommend(model)
    assert [(r["customer_id"], r["rank"], r["product_id"], r["source"]) for r in found] == shop.run(
        "select customer_id, rank, product_id, source from prediction.fallback_recommendations "
        f"where cutoff_on = date '{TODAY}' order by 1, 2"
    )
    assert all(row["is_fallback"] for row in found)


def test_customers_gone_for_a_year_get_the_fallback() -> None:
    shop = tasteful_shop(TODAY, CUSTOMERS, seed=3)
    shop.sells([("c_gone", "p_2_03", TODAY - timedelta(days=500))])
    rows = [row for row in shop.recommend(shop.train()) if row["customer_id"] == "c_gone"]
    assert len(rows) == 10
    assert {row["fallback_because"] for row in rows} == {"no_purchase_in_12_months"}
    assert rows[0]["product_id"] == "p_2_03"
    assert rows[0]["is_repeat"]


def one_product() -> Shop:
    shop = Shop(TODAY)
    shop.sells(
        [(f"c_{n}", "only", TODAY - timedelta(days=n % 90)) for n in range(400)]
        + [(f"c_{n}", "only", TODAY - timedelta(days=n % 90 + 30)) for n in range(400)]
    )
    return shop


def one_week() -> Shop:
    shop = Shop(TODAY)
    shop.sells([(f"c_{n}", f"p_{n % 9}", TODAY - timedelta(days=n % 7)) for n in range(300)])
    return shop


def one_time_buyers() -> Shop:
    shop = Shop(TODAY)
    shop.sells([(f"c_{n}", f"p_{n % 40}", TODAY - timedelta(days=n % 700)) for n in range(2000)])
    return shop


def one_customer() -> Shop:
    shop = Shop(TODAY)
    shop.sells([("c_1", "p_1", TODAY)])
    return shop


@pytest.mark.parametrize("make", [one_product, one_week, one_time_buyers, one_customer])
def test_an_odd_shop_gets_a_list_and_a_card_that_says_what_it_is(make: Any) -> None:
    shop = make()
    model = shop.train()
    found = by_customer(shop.recommend(model))
    assert model.card["exported_because"]
    assert model.card["exported"] in {"ranker", "fallback"}
    assert len(found) == shop.run("select count(distinct customer_id) from profiles.orders")[0][0]


def test_a_shop_without_orders_recommends_nothing() -> None:
    shop = Shop(TODAY)
    shop.knows("c_1")
    shop.lists("p_1")
    model = shop.train()
    assert model.exported == "nothing"
    assert shop.recommend(model) == []
