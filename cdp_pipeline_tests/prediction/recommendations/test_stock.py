from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline.prediction.recommendations.stock import ration


def test_a_unit_goes_to_the_more_likely_customer_and_the_other_gets_the_next_product() -> None:
    found = ration(
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]),
        np.array([0.4, 0.1, 0.6, 0.1]),
        np.ones(4),
        np.array([1.0, np.nan]),
        length=1,
    )
    assert found.is_listed.tolist() == [False, True, True, False]
    assert found.is_short.tolist() == [True, False]
    assert found.instead_of.tolist() == [-1, 0, -1, -1]


def test_a_unit_is_enough_for_as_many_as_are_expected_to_buy_one() -> None:
    customers = np.arange(30)
    found = ration(
        customers,
        np.zeros(30, dtype=np.int64),
        np.full(30, 0.1),
        np.full(30, 0.1),
        np.array([2.0]),
        length=1,
    )
    assert found.is_listed.sum() == 20


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_stock_is_never_exceeded_and_nobody_is_passed_over_by_a_less_likely_customer(
    seed: int,
) -> None:
    draws = np.random.default_rng(seed)
    customers, products, length = 12, 5, 2
    lists = [
        draws.permutation(products)[: draws.integers(1, products + 1)] for _ in range(customers)
    ]
    customer = np.repeat(np.arange(customers), [len(found) for found in lists])
    product = np.concatenate(lists)
    chance = np.round(draws.random(len(product)), 2)
    stock = np.where(draws.random(products) < 0.3, np.nan, draws.integers(0, 4, products) * 1.0)
    found = ration(customer, product, chance, np.ones(len(product)), stock, length=length)
    for number in range(products):
        rows = np.flatnonzero(product == number)
        kept = rows[found.is_listed[rows]]
        if np.isfinite(stock[number]):
            assert len(kept) <= stock[number]
        for row in rows[~found.is_listed[rows]]:
            above = found.is_listed[: row + 1][customer[: row + 1] == customer[row]].sum()
            # whoever went without had a full list of better products, or was less likely to buy
            assert above >= length or all(
                (chance[k], -customer[k]) > (chance[row], -customer[row]) for k in kept
            )
