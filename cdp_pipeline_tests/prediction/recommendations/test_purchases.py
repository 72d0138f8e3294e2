"""Purchases as arrays, and looking up a customer's own products in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from cdp_pipeline.prediction.recommendations.candidates import own_rows
from cdp_pipeline.prediction.recommendations.past import Past
from cdp_pipeline.prediction.recommendations.purchases import _in_order, distinct

# customer, product and day; the first customer bought on days 20,000, 20,007 and 20,300
BOUGHT = [(0, 2, 20_300), (3, 1, 19_000), (0, 1, 20_007), (0, 2, 20_007), (0, 0, 20_000)]


def test_purchases_are_put_in_order_and_days_of_buying_are_counted_per_customer() -> None:
    customer, product, day = (
        np.array(column, dtype=np.int32) for column in zip(*BOUGHT, strict=True)
    )
    rows = [tuple(row) for row in np.stack(_in_order(customer, product, day, 3), axis=1).tolist()]
    assert rows == [
        (0, 0, 20_000, 1),
        (0, 1, 20_007, 2),
        (0, 2, 20_007, 2),
        (0, 2, 20_300, 3),
        (3, 1, 19_000, 1),
    ]


def test_no_purchases_are_no_rows() -> None:
    none = np.zeros(0, dtype=np.int32)
    assert [len(column) for column in _in_order(none, none, none, 3)] == [0, 0, 0, 0]


def test_different_values_come_in_order() -> None:
    assert distinct(np.array([5, 2, 5, 9, 2])).tolist() == [2, 5, 9]
    assert distinct(np.zeros(0, dtype=np.int64)).tolist() == []


def test_own_products_are_found_among_all_pairs_whichever_customers_are_asked_for() -> None:
    pairs: Any = SimpleNamespace(
        customer=np.array([0, 0, 2, 2, 2, 5], dtype=np.int32),
        product=np.array([1, 3, 0, 1, 2, 3], dtype=np.int32),
        start=np.array([0, 2, 2, 5, 5, 5, 6]),
    )
    past = cast(Past, SimpleNamespace(pairs=pairs, product_count=4))

    def found(*asked: tuple[int, int]) -> list[int]:
        customers, products = (np.array(column) for column in zip(*asked, strict=True))
        return [int(row) for row in own_rows(past, customers, products)]

    assert found((2, 1), (2, 3), (5, 3)) == [3, -1, 5]
    # nobody but one who bought nothing, and customers out of order
    assert found((1, 1)) == [-1]
    assert found((5, 3), (0, 3), (3, 0)) == [5, 1, -1]
