"""What purchases say on a day: habits of customers, figures of products, what goes together.

Here belongs everything that candidates and their features are looked up in, worked out from
purchases up to a day and nothing later. Two relations are counted on samples of customers drawn by
hash, so that cost does not grow with the square of the shop:

*together*: products bought by the same customers, as a cosine that is pulled to zero for rare
pairs (Sarwar et al. 2001, item-based collaborative filtering), the strongest of each product;
*neighbours*: customers whose habits a customer's are compared with (Hu et al. 2020, TIFU-KNN;
Faggioli et al. 2020, UP-CF: recency-weighted habits and their cosine).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.recommendations.purchases import Ints, Numbers, Purchases, pair_keys

Singles = NDArray[np.float32]

# A customer is active when something was bought in so many days; only they are ranked.
ACTIVE_DAYS = 365
# What a purchase still weighs after one more visit: a quick and a slow memory.
QUICK, SLOW = 0.6, 0.9
# Customers that relations are counted on.
CUSTOMERS_TOGETHER = 50_000
NEIGHBOUR_CUSTOMERS = 6_000
# Products x neighbours up to which their habits are kept as an array (80 MB).
DENSE_CELLS = 20_000_000
# Somebody who buys half the shop tells nothing about what goes together, and costs its square.
MOST_PRODUCTS = 400
TOGETHER_PER_PRODUCT = 60
# Customers a pair must have in common to be believed, and how strongly rare pairs are pulled down.
PAIR_CUSTOMERS = 2
SHRINKAGE = 10.0
# Purchases by everybody that a product's own rhythm and repeat rate are pulled towards.
PRIOR_WEIGHT = 5.0


@dataclass(frozen=True)
class Pairs:
    """What each customer bought, one row per customer and product, in that order."""

    customer: Numbers
    product: Numbers
    visits: Numbers
    first_day: Numbers
    last_day: Numbers
    first_visit: Numbers
    last_visit: Numbers
    quick: Singles
    slow: Singles
    start: Ints

    def of(self, customers: Ints) -> tuple[Ints, Ints]:
        """Return the rows of some customers, and the place of each row's customer among them."""
        counts = self.start[customers + 1] - self.start[customers]
        place = np.repeat(np.arange(len(customers)), counts)
        before = np.cumsum(counts) - counts
        rows = np.arange(len(place)) - before[place] + self.start[customers][place]
        return rows, place


@dataclass(frozen=True)
class CustomerFigures:
    """Per customer; zeros for those without a purchase by the day."""

    visits: Numbers
    lines: Numbers
    products: Numbers
    first_day: Numbers
    last_day: Numbers
    is_active: NDArray[np.bool_]


@dataclass(frozen=True)
class ProductFigures:
    """Per product."""

    buyers: Ints
    recent_buyers: Ints
    newest_buyers: Ints
    repeat_share: Singles
    gap_visits: Singles
    gap_days: Singles
    by_popularity: Ints
    popularity_place: Ints


@dataclass(frozen=True)
class Past:
    """Everything known at the end of a day.

    Attributes
    ----------
    habits
        Customers x products: how much of a customer's slow memory each product is.
    together
        Products x products, the strongest neighbours of each product; ``together_customers`` has
        the customers each pair has in common, in the same places.
    neighbours
        The customers others are compared with; ``neighbour_directions`` has their habits as unit
        vectors, one column each, ``neighbour_habits`` as shares, one row each, and
        ``neighbour_has`` one bit per product.
    """

    day: int
    horizon_days: int
    product_count: int
    pairs: Pairs
    customers: CustomerFigures
    products: ProductFigures
    category: Numbers
    category_of: Any
    habits: Any
    together: Any
    together_customers: Ints
    together_keys: Ints
    neighbours: Ints
    neighbour_directions: Any
    neighbour_habits: Any
    neighbour_has: NDArray[np.uint8]

    @classmethod
    def of(cls, purchases: Purchases, day: int, horizon_days: int) -> Past:
        """Work out what was known at the end of a day.

        Parameters
        ----------
        horizon_days
            Days that recommendations are for; what counts as recent follows from it.
        """
        from scipy import sparse

        known = purchases.until(day)
        customers = _customer_figures(known, day)
        pairs = _pairs(known, customers)
        shape = (purchases.customer_count, purchases.product_count)
        places = (pairs.customer, pairs.product)
        totals = np.bincount(pairs.customer, weights=pairs.slow, minlength=shape[0])
        shares = pairs.slow / np.maximum(totals[pairs.customer], 1e-9).astype(np.float32)
        habits = sparse.csr_matrix((shares, places), shape=shape)
        together, common = _together(pairs, customers, purchases)
        neighbours = _drawn(
            customers.is_active & (customers.products >= 2),
            purchases.other_draw,
            NEIGHBOUR_CUSTOMERS,
        )
        neighbour_habits = habits[neighbours]
        category_count = int(purchases.category.max(initial=-1)) + 1
        has_category = np.flatnonzero(purchases.category >= 0)
        return cls(
            day,
            horizon_days,
            purchases.product_count,
            pairs,
            customers,
            _product_figures(pairs, day, horizon_days, purchases.product_count),
            purchases.category,
            sparse.csr_matrix(
                (
                    np.ones(len(has_category), dtype=np.float32),
                    (has_category, purchases.category[has_category]),
                ),
                shape=(purchases.product_count, category_count),
            ),
            habits,
            together,
            common,
            _keys_of(together),
            neighbours,
            _columns_of(directions(neighbour_habits)),
            neighbour_habits,
            _bits(neighbour_habits),
        )


def directions(habits: Any) -> Any:
    """Return rows of habits as unit vectors."""
    squares = np.asarray(habits.multiply(habits).sum(axis=1)).ravel()
    lengths = np.sqrt(np.maximum(squares, 1e-12)).astype(np.float32)
    found = habits.copy()
    found.data = found.data / np.repeat(lengths, np.diff(found.indptr))
    return found


def _columns_of(neighbours: Any) -> Any:
    """Return rows as columns: an array while it is small, since most products meet somebody."""
    columns = neighbours.T.tocsr()
    cells = columns.shape[0] * columns.shape[1]
    return columns.toarray() if cells <= DENSE_CELLS else columns


def _customer_figures(known: Purchases, day: int) -> CustomerFigures:
    count = known.customer_count
    figures = {name: np.zeros(count, dtype=np.int32) for name in ("visits", "first", "last")}
    lines = np.bincount(known.customer, minlength=count).astype(np.int32)
    starts = np.flatnonzero(np.r_[True, known.customer[1:] != known.customer[:-1]])
    products = np.zeros(count, dtype=np.int32)
    if len(known):
        present = known.customer[starts]
        figures["visits"][present] = np.maximum.reduceat(known.visit, starts)
        figures["last"][present] = np.maximum.reduceat(known.day, starts)
        figures["first"][present] = np.minimum.reduceat(known.day, starts)
        products = np.bincount(known.customer[_pair_starts(known)], minlength=count).astype(
            np.int32
        )
    is_active = (lines > 0) & (figures["last"] > day - ACTIVE_DAYS)
    return CustomerFigures(
        figures["visits"], lines, products, figures["first"], figures["last"], is_active
    )


def _pair_starts(known: Purchases) -> Ints:
    keys = pair_keys(known.customer, known.product, known.product_count)
    return np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])


def _pairs(known: Purchases, customers: CustomerFigures) -> Pairs:
    if not len(known):
        none, zeros = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
        start = np.zeros(known.customer_count + 1, dtype=np.int64)
        return Pairs(none, none, none, none, none, none, none, zeros, zeros, start)
    starts = _pair_starts(known)
    ends = np.r_[starts[1:], len(known)] - 1
    age = customers.visits[known.customer] - known.visit
    oldest = int(age.max())
    customer = known.customer[starts]

    def decayed(memory: float) -> Singles:
        weights = (memory ** np.arange(oldest + 1))[age]
        return np.asarray(np.add.reduceat(weights, starts).astype(np.float32))

    return Pairs(
        customer,
        known.product[starts],
        (ends - starts + 1).astype(np.int32),
        known.day[starts],
        known.day[ends],
        known.visit[starts],
        known.visit[ends],
        decayed(QUICK),
        decayed(SLOW),
        np.searchsorted(customer, np.arange(known.customer_count + 1)).astype(np.int64),
    )


def _product_figures(pairs: Pairs, day: int, horizon_days: int, count: int) -> ProductFigures:
    def counted(rows: NDArray[np.bool_]) -> Ints:
        return np.bincount(pairs.product[rows], minlength=count).astype(np.int64)

    def pulled(part: NDArray[Any], whole: NDArray[Any]) -> Singles:
        overall = part.sum() / max(whole.sum(), 1)
        mean = (part + PRIOR_WEIGHT * overall) / (whole + PRIOR_WEIGHT)
        return np.asarray(mean.astype(np.float32))

    def total(weights: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(pairs.product, weights=weights, minlength=count).astype(np.float64)

    again = total(pairs.visits - 1)
    buyers = counted(pairs.visits > 0)
    recent = counted(pairs.last_day > day - min(4 * horizon_days, ACTIVE_DAYS))
    order = np.lexsort((np.arange(count), -buyers, -recent))
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    return ProductFigures(
        buyers,
        recent,
        counted(pairs.last_day > day - horizon_days),
        pulled(counted(pairs.visits > 1), buyers),
        pulled(total(pairs.last_visit - pairs.first_visit), again),
        pulled(total(pairs.last_day - pairs.first_day), again),
        order[buyers[order] > 0],
        place,
    )


def _drawn(eligible: NDArray[np.bool_], draw: Ints, most: int) -> Ints:
    """Return at most so many of the eligible customers, drawn by hash, in order."""
    found = np.flatnonzero(eligible)
    if len(found) > most:
        found = found[np.lexsort((found, draw[found]))[:most]]
    return np.sort(found)


def _together(pairs: Pairs, customers: CustomerFigures, purchases: Purchases) -> tuple[Any, Ints]:
    """Return how strongly products go together, and the customers each pair has in common."""
    from scipy import sparse

    count = purchases.product_count
    eligible = (customers.products >= 2) & (customers.products <= MOST_PRODUCTS)
    chosen = _drawn(eligible, purchases.draw, CUSTOMERS_TOGETHER)
    rows, place = pairs.of(chosen)
    bought = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (place, pairs.product[rows])),
        shape=(len(chosen), count),
    )
    common = (bought.T @ bought).tocsr()
    common.sort_indices()
    buyers = np.bincount(pairs.product[rows], minlength=count).astype(np.float64)
    kept, strengths, sizes = [], [], np.zeros(count + 1, dtype=np.int64)
    for left in range(count):
        first, last = common.indptr[left], common.indptr[left + 1]
        cells = first + np.flatnonzero(common.data[first:last] >= PAIR_CUSTOMERS)
        cells = cells[common.indices[cells] != left]
        right = common.indices[cells]
        strength = common.data[cells] / (np.sqrt(buyers[left] * buyers[right]) + SHRINKAGE)
        if len(cells) > TOGETHER_PER_PRODUCT:
            strongest = np.sort(
                np.argpartition(-strength, TOGETHER_PER_PRODUCT - 1)[:TOGETHER_PER_PRODUCT]
            )
            cells, strength = cells[strongest], strength[strongest]
        kept.append(cells)
        strengths.append(strength)
        sizes[left + 1] = len(cells)
    cells = np.concatenate([*kept, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    strength = np.concatenate([*strengths, np.zeros(0)]).astype(np.float32)
    matrix = sparse.csr_matrix(
        (strength, common.indices[cells], np.cumsum(sizes)), shape=(count, count)
    )
    return matrix, common.data[cells].astype(np.int64)


def _keys_of(matrix: Any) -> Ints:
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return pair_keys(rows, matrix.indices, matrix.shape[1])


def _bits(habits: Any) -> NDArray[np.uint8]:
    """Return one bit per row and product: bought or not."""
    found = np.zeros((habits.shape[0], (habits.shape[1] + 7) // 8), dtype=np.uint8)
    rows = np.repeat(np.arange(habits.shape[0]), np.diff(habits.indptr))
    np.bitwise_or.at(
        found, (rows, habits.indices >> 3), (128 >> (habits.indices & 7)).astype(np.uint8)
    )
    return found
