"""A stored model gives way to a better one only, and to any when it cannot be used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cdp_pipeline.prediction.churn.life import champion_of
from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.drift import Reference
from cdp_pipeline.prediction.life import Contest, Rule, decided
from cdp_pipeline.prediction.metrics import Interval
from cdp_pipeline.prediction.samples import FEATURES, Samples
from cdp_pipeline.prediction.value.life import champion_of as value_champion_of
from cdp_pipeline_tests.prediction.support import Shop, simulated_shop

AS_OF = "2026-01-01"


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulated_shop(AS_OF, 500, seed=31)


@pytest.fixture(scope="module")
def churn(shop: Shop) -> ChurnModel:
    return shop.train()


@pytest.mark.parametrize(
    ("rule", "gain", "decision"),
    [
        ("better", Interval(0.01, -0.01, 0.03), "promoted"),
        ("better", Interval(-0.001, -0.01, 0.01), "kept"),
        ("not_worse", Interval(-0.001, -0.01, 0.01), "promoted"),
        ("not_worse", Interval(-0.02, -0.03, -0.01), "kept"),
        ("always", Interval(-0.02, -0.03, -0.01), "promoted"),
    ],
)
def test_the_rule_decides_on_the_gain(rule: Rule, gain: Interval, decision: str) -> None:
    contest = Contest("2025-11-02", {}, {}, "brier", gain)
    assert decided(rule, contest, "old", "new")["decision"] == decision


def life(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.card["life"]
    return found


def test_the_first_model_is_kept_and_the_same_one_again_changes_no_byte(
    shop: Shop, churn: ChurnModel
) -> None:
    first = champion_of(shop.con, None, churn, rule="better", seed=1)
    again = champion_of(shop.con, first.to_bytes(), churn, rule="better", seed=1)
    assert life(first)["decision"] == "first"
    assert again.to_bytes() == first.to_bytes()
    assert first.version == churn.version


def test_a_stored_model_that_promises_nonsense_is_replaced_and_the_card_says_why(
    shop: Shop, churn: ChurnModel
) -> None:
    flat = {"base_rate": (0.01, 0.005, 0.02), "exported": "base_rate"}
    base = ChurnModel(**{**vars(churn), **flat, "reference": Reference({}, {}, 0)})
    model = champion_of(shop.con, base.to_bytes(), churn, rule="better", seed=1)
    assert life(model)["decision"] == "promoted"
    assert life(model)["replaced"] == base.version
    assert life(model)["gain"]["low"] > 0
    kept = champion_of(shop.con, churn.to_bytes(), base, rule="better", seed=1)
    assert life(kept)["decision"] == "kept"
    assert kept.version == churn.version


def test_a_stored_model_of_another_format_or_horizon_is_replaced(
    shop: Shop, churn: ChurnModel
) -> None:
    other = champion_of(shop.con, b'{"format": 0}', churn, rule="better", seed=1)
    assert life(other)["because"] == "the stored one has another format"
    old = ChurnModel(**{**vars(churn), "horizon_days": 7})
    model = champion_of(shop.con, old.to_bytes(), churn, rule="better", seed=1)
    assert life(model)["because"].startswith("it was trained for 7 days")


def test_value_has_the_same_life(shop: Shop) -> None:
    new = shop.train_value()
    first = value_champion_of(shop.con, None, new, rule="better", seed=1)
    again = value_champion_of(shop.con, first.to_bytes(), new, rule="better", seed=1)
    assert again.to_bytes() == first.to_bytes()
    worse = type(new)(**{**vars(new), "scales": (-1.0, -1.0)})
    model = value_champion_of(shop.con, worse.to_bytes(), new, rule="better", seed=1)
    assert life(model)["decision"] == "promoted"


def people(recency: np.ndarray[Any, Any]) -> Samples:
    count = len(recency)
    number = np.arange(count)
    values = {name: np.ones(count) for name in FEATURES} | {"recency_days": recency}
    return Samples(number, number, number, number, values, np.ones(count), np.ones(count))


def test_the_same_customers_do_not_drift_and_a_lost_month_of_orders_does() -> None:
    recency = np.random.default_rng(1).exponential(60.0, 2000)
    reference = Reference.of(people(recency), None)
    other = np.random.default_rng(2).exponential(60.0, 2000)
    assert reference.index(people(recency), None)["recency_days"] == 0
    assert reference.index(people(other), None)["recency_days"] < 0.05
    assert reference.index(people(recency + 30.0), None)["recency_days"] > 0.25
    assert reference.index(people(recency[:50]), None) == {}
