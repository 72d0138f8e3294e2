"""Who is recommended a product whose stock does not reach for all.

Here belongs only the sharing out. Each customer has a list of products, best first; a product has
units. Customers ask for the first products of their list; a product keeps the customers most
likely to buy while its units last, and turns the others down for good, who then ask for their next
product. That is deferred acceptance (Gale & Shapley 1962): it ends, and who gets what does not
depend on the order in which anybody asks.

A recommendation uses up as much of a unit as it is likely to sell: five units at a chance of one
in ten are enough for fifty customers. Where the chance is not known it uses up a whole unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.recommendations.purchases import Ints, distinct, first_rows


@dataclass(frozen=True)
class Rationed:
    """What came of sharing out.

    Attributes
    ----------
    is_listed
        Per row: it is one of the first products its customer still gets.
    is_short
        Per product: somebody was turned down.
    instead_of
        Per row: the first product of the customer's list that turned the customer down, where it
        stood above this one; -1 where there is none.
    """

    is_listed: NDArray[np.bool_]
    is_short: NDArray[np.bool_]
    instead_of: Ints


def ration(
    customer: NDArray[Any],
    product: NDArray[Any],
    priority: Floats,
    demand: Floats,
    stock: Floats,
    *,
    length: int,
) -> Rationed:
    """Share out stock among customers.

    Parameters
    ----------
    customer, product
        A row per customer and product, ordered by customer, best product first.
    priority
        Per row; higher comes first, equals go by customer number.
    demand
        Per row: units it is expected to use up.
    stock
        Per product: units, nan where they are not counted.
    length
        Products a customer gets at most.
    """
    alive = np.ones(len(customer), dtype=np.bool_)
    wanted = np.bincount(product, weights=demand, minlength=len(stock))
    # comparisons with nan are false: what is not counted is never short
    may_be_short = wanted > stock
    with_short = distinct(customer[may_be_short[product]])
    concerned = np.flatnonzero(np.isin(customer, with_short))
    if len(concerned):
        alive[concerned] = _accepted(
            customer[concerned],
            product[concerned],
            priority[concerned],
            demand[concerned],
            stock,
            may_be_short,
            length,
        )
    is_listed = alive & (_place(customer, alive) < length)
    is_short = np.zeros(len(stock), dtype=np.bool_)
    is_short[product[~alive]] = True
    return Rationed(is_listed, is_short, _instead_of(customer, product, alive))


def _accepted(
    customer: NDArray[Any],
    product: NDArray[Any],
    priority: Floats,
    demand: Floats,
    stock: Floats,
    may_be_short: NDArray[np.bool_],
    length: int,
) -> NDArray[np.bool_]:
    """Return the rows that were not turned down."""
    alive = np.ones(len(customer), dtype=np.bool_)
    while True:
        asked = alive & (_place(customer, alive) < length) & may_be_short[product]
        rows = np.flatnonzero(asked)
        rows = rows[np.lexsort((customer[rows], -priority[rows], product[rows]))]
        used = np.cumsum(demand[rows])
        first = first_rows(product[rows])
        before = np.where(first > 0, used[np.maximum(first, 1) - 1], 0.0)
        turned_down = used - before > stock[product[rows]] + 1e-9
        if not turned_down.any():
            return alive
        alive[rows[turned_down]] = False


def _place(customer: NDArray[Any], counted: NDArray[np.bool_]) -> Ints:
    """Return how many counted rows of the same customer come before each row."""
    running: Ints = np.cumsum(counted) - counted
    return np.asarray(running - running[first_rows(customer)])


def _instead_of(customer: NDArray[Any], product: NDArray[Any], alive: NDArray[np.bool_]) -> Ints:
    """Return the first product above each row that turned its customer down, -1 without one."""
    lost = np.flatnonzero(~alive)
    found = np.full(len(customer), -1, dtype=np.int64)
    if not len(lost):
        return found
    losers, at = np.unique(customer[lost], return_index=True)
    first = lost[at]
    place = np.minimum(np.searchsorted(losers, customer), len(losers) - 1)
    below = (losers[place] == customer) & (np.arange(len(customer)) > first[place])
    found[below] = product[first[place[below]]]
    return found
