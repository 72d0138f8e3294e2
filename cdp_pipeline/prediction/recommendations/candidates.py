"""Which products may be right for a customer, and what speaks for each.

Here belong finding candidates (the customer's own products, those bought together with them, those
of similar customers, best sellers), their features, and the evidence behind a chosen one. How
features become a score is learned in ``model``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.recommendations.past import Past, Singles, directions
from cdp_pipeline.prediction.recommendations.purchases import Ints, pair_keys
from cdp_pipeline.prediction.trees import Columns

OWN_CANDIDATES = 80
TOGETHER_CANDIDATES = 20
SIMILAR_CANDIDATES = 25
POPULAR_CANDIDATES = 20
NEAREST = 100
# Cells of customers x products looked at together: bounds memory whatever the shop's size.
BATCH_CELLS = 6_000_000
BATCH_CUSTOMERS = 1024
# Of these alone, what a batch needs is small enough to be kept for the next by the C library, and
# need not be asked of the system page by page.
SCORED_CUSTOMERS = 512

SOURCES = ("own_history", "bought_together", "similar_customers", "popular")

FEATURES = (
    "visits_bought",
    "share_of_visits",
    "quick_memory",
    "slow_memory",
    "visits_since",
    "days_since",
    "visits_overdue",
    "days_overdue",
    "in_last_visit",
    "newest_buyers",
    "recent_buyers",
    "trend",
    "repeat_share",
    "product_gap_visits",
    "product_gap_days",
    "together",
    "similar",
    "category_share",
    "customer_visits",
    "products_per_visit",
    "customer_repeat_share",
    "recency_days",
    "tenure_days",
)


@dataclass(frozen=True)
class Candidates:
    """Candidates of a batch of customers, ordered by customer and product.

    Attributes
    ----------
    customer, product
        Numbers, as in the purchases.
    parts
        The features, those of a customer, of a product, and of the customer's own products kept
        once; nan where there is nothing to say.
    lists
        What the batch was drawn from, for ``evidence``.
    """

    customer: Ints
    product: Ints
    parts: list[Columns]
    lists: Lists

    def __len__(self) -> int:
        return len(self.customer)

    def features(self) -> Floats:
        """Return the features as a matrix, one column per name in ``FEATURES``."""
        matrix = np.empty((len(self), len(FEATURES)))
        for part in self.parts:
            for place, number in enumerate(part.numbers):
                column = part.values[:, place]
                matrix[:, number] = column if part.row is None else column[part.row]
        return matrix


@dataclass(frozen=True)
class Lists:
    """The relations of a batch of customers, customers x products, and their best entries."""

    customers: Ints
    together: Singles
    similar: Singles
    best_together: Singles
    best_similar: Singles
    nearest: Ints


def batches(past: Past, customers: Ints, most: int = BATCH_CUSTOMERS) -> Iterator[Ints]:
    """Yield customers in parts of a fixed size, so that memory is bounded."""
    size = max(16, min(most, BATCH_CELLS // max(past.product_count, 1)))
    for first in range(0, len(customers), size):
        yield customers[first : first + size]


def find_candidates(
    past: Past, customers: Ints, allowed: NDArray[np.bool_] | None = None
) -> Candidates:
    """Return the candidates of a batch of customers and their features.

    Parameters
    ----------
    customers
        Sorted numbers of customers with a purchase.
    allowed
        Per product, whether it may be recommended; all may when it is not given.
    """
    lists, tops = _relations(past, customers, allowed)
    count = past.product_count
    own, place = past.pairs.of(customers)
    own, place = _strongest_own(past, own, place)
    popular = past.products.by_popularity
    if allowed is not None:
        popular = popular[allowed[popular]]
        keep = allowed[past.pairs.product[own]]
        own, place = own[keep], place[keep]
    offset = np.arange(len(customers), dtype=np.int64)[:, None] * count
    own_cells = place * count + past.pairs.product[own]
    is_candidate = np.zeros(len(customers) * count, dtype=np.bool_)
    is_candidate[own_cells] = True
    is_candidate[(offset + popular[:POPULAR_CANDIDATES]).ravel()] = True
    for top, is_real in tops:
        is_candidate[(offset + top)[is_real]] = True
    cells = np.flatnonzero(is_candidate)
    own_row = np.full(len(customers) * count, -1, dtype=np.int32)
    own_row[own_cells] = own
    parts = _features(past, customers, cells, own_row[cells].astype(np.int64), lists)
    return Candidates(customers[cells // count], cells % count, parts, lists)


def _relations(
    past: Past, customers: Ints, allowed: NDArray[np.bool_] | None
) -> tuple[Lists, list[tuple[Ints, NDArray[np.bool_]]]]:
    """Return both relations of a batch and the best products by each."""
    habits = past.habits[customers]
    together = (habits @ past.together).toarray().astype(np.float32, copy=False)
    similar, nearest = _similar(past, customers, habits)
    if allowed is not None:
        together[:, ~allowed] = 0.0
        similar[:, ~allowed] = 0.0
    tops, values = [], []
    for scores, most in ((together, TOGETHER_CANDIDATES), (similar, SIMILAR_CANDIDATES)):
        top = _largest(scores, most)
        value = np.take_along_axis(scores, top, axis=1)
        tops.append((top, value > 0))
        values.append(value)
    return Lists(customers, together, similar, values[0], values[1], nearest), tops


def _similar(past: Past, customers: Ints, habits: Any) -> tuple[Singles, Ints]:
    """Return how much the most similar customers buy of each product, and who they are."""
    from scipy import sparse

    if not len(past.neighbours):
        nobody = np.zeros((len(customers), 0), dtype=np.int64)
        return np.zeros((len(customers), past.product_count), dtype=np.float32), nobody
    likeness: Any = directions(habits) @ past.neighbour_directions
    if not isinstance(likeness, np.ndarray):
        likeness = likeness.toarray()
    likeness = likeness.astype(np.float32, copy=False)
    # nobody is their own neighbour
    place = np.minimum(np.searchsorted(past.neighbours, customers), len(past.neighbours) - 1)
    itself = np.flatnonzero(past.neighbours[place] == customers)
    likeness[itself, place[itself]] = 0.0
    nearest = _largest(likeness, NEAREST)
    weight = np.take_along_axis(likeness, nearest, axis=1)
    weights = sparse.csr_matrix(
        (
            weight.ravel(),
            nearest.ravel(),
            np.arange(len(customers) + 1) * nearest.shape[1],
        ),
        shape=likeness.shape,
    )
    bought = (weights @ past.neighbour_habits).toarray().astype(np.float32, copy=False)
    bought /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    return bought, np.where(weight > 0, nearest, -1)


def _largest(scores: Singles, most: int) -> Ints:
    """Return the columns of the largest entries of each row, lowest first; equals by column."""
    width = scores.shape[1]
    if most >= width:
        return np.tile(np.arange(width), (len(scores), 1))
    # Columns are dealt out into twice as many hands as are wanted. The best of as many hands as are
    # wanted are that many entries, so the border lies no lower than the worst of those, and few
    # entries reach it.
    hands = 2 * most
    if width < 2 * hands:
        return _largest_of_all(scores, most)
    dealt = width // hands * hands
    best = scores[:, :dealt].reshape(len(scores), -1, hands).max(axis=1)
    floor = -np.partition(-best, most - 1, axis=1)[:, most - 1, None]
    reaches = scores >= floor
    counts = np.count_nonzero(reaches, axis=1)
    # where many entries are equal, such as zeros, nothing is gained
    is_few = counts <= 2 * hands
    if not is_few.all():
        found = np.empty((len(scores), most), dtype=np.int64)
        found[~is_few] = _largest_of_all(scores[~is_few], most)
        found[is_few] = _largest_of_few(scores[is_few], reaches[is_few], counts[is_few], most)
        return found
    return _largest_of_few(scores, reaches, counts, most)


def _largest_of_few(scores: Singles, reaches: NDArray[np.bool_], counts: Ints, most: int) -> Ints:
    """Return what ``_largest`` does, by looking at the entries that reach the border at all."""
    if not len(scores):
        return np.zeros((0, most), dtype=np.int64)
    cells = np.flatnonzero(reaches)
    row = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
    few_scores = np.full((len(counts), counts.max()), -np.inf, dtype=np.float32)
    few_scores[row, nth] = scores.ravel()[cells]
    columns = np.zeros(few_scores.shape, dtype=np.int64)
    columns[row, nth] = cells - row * scores.shape[1]
    return np.take_along_axis(columns, _largest_of_all(few_scores, most), axis=1)


def _largest_of_all(scores: Singles, most: int) -> Ints:
    """Return what ``_largest`` does, by looking at every entry."""
    if most >= scores.shape[1]:
        return np.tile(np.arange(scores.shape[1]), (len(scores), 1))
    # finding the border and comparing with it takes two thirds of what argpartition does
    # from the small end of the negatives: from the large end, many equal zeros cost ten times that
    border = -np.partition(-scores, most - 1, axis=1)[:, most - 1, None]
    chosen = scores >= border
    crowded = np.flatnonzero(np.count_nonzero(chosen, axis=1) > most)
    if len(crowded):
        above = scores[crowded] > border[crowded]
        level = chosen[crowded] & ~above
        room = most - np.count_nonzero(above, axis=1, keepdims=True)
        chosen[crowded] = above | (level & (np.cumsum(level, axis=1) <= room))
    return np.nonzero(chosen)[1].reshape(len(scores), most)


def _strongest_own(past: Past, own: Ints, place: Ints) -> tuple[Ints, Ints]:
    """Keep the own products that a customer's memory holds best."""
    counts = np.bincount(place)
    if not len(own) or counts.max() <= OWN_CANDIDATES:
        return own, place
    order = np.lexsort((past.pairs.product[own], -past.pairs.slow[own], place))
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(own), dtype=np.int64)
    rank[order] = np.arange(len(own)) - starts[place[order]]
    keep = rank < OWN_CANDIDATES
    return own[keep], place[keep]


def _features(past: Past, customers: Ints, cells: Ints, row: Ints, lists: Lists) -> list[Columns]:
    """Return the features of the cells; ``row`` is the customer's pair, -1 for new products."""
    place, product = np.divmod(cells, past.product_count)
    is_own = row >= 0
    # new products are alike: they share the row after those of the own ones
    of_own = np.full(len(cells), np.count_nonzero(is_own), dtype=np.int64)
    of_own[is_own] = np.arange(np.count_nonzero(is_own))
    people = past.customers.visits[customers[place[is_own]]].astype(np.float64)
    return [
        _columns(_own_features(past, row[is_own], people), of_own),
        _columns(_product_features(past), product),
        _columns(_customer_features(past, customers), place),
        _columns(
            {
                "together": lists.together[place, product],
                "similar": lists.similar[place, product],
                "category_share": _category_share(past, place, product, customers),
            }
        ),
    ]


def _columns(values: dict[str, Any], row: Ints | None = None) -> Columns:
    columns = [np.asarray(column, dtype=np.float64) for column in values.values()]
    return Columns([FEATURES.index(name) for name in values], np.stack(columns, axis=1), row)


def _own_features(past: Past, rows: Ints, visits: Floats) -> dict[str, Any]:
    """Return what is known of customers' own products, and last what is said of a new one."""
    pairs = past.pairs
    bought = pairs.visits[rows]
    since = visits - pairs.last_visit[rows]
    days = (past.day - pairs.last_day[rows]).astype(np.float64)
    values: dict[str, Any] = {
        "visits_since": (since, np.nan),
        "days_since": (days, np.nan),
        "visits_bought": (bought, 0.0),
        "share_of_visits": (bought / visits, 0.0),
        "quick_memory": (pairs.quick[rows], 0.0),
        "slow_memory": (pairs.slow[rows], 0.0),
        # the customer's own rhythm, pulled to that of all buyers of the product
        "visits_overdue": (
            (since + 1) / (usual_gap_visits(past, rows) + 1.0),
            np.nan,
        ),
        "days_overdue": (days / (usual_gap_days(past, rows) + 1.0), np.nan),
        "in_last_visit": (since == 0, 0.0),
    }
    return {name: np.append(own, otherwise) for name, (own, otherwise) in values.items()}


def _product_features(past: Past) -> dict[str, Any]:
    goods = past.products
    newest, recent = np.log1p(goods.newest_buyers), np.log1p(goods.recent_buyers)
    return {
        "newest_buyers": newest,
        "recent_buyers": recent,
        "trend": newest - recent,
        "repeat_share": goods.repeat_share,
        "product_gap_visits": goods.gap_visits,
        "product_gap_days": goods.gap_days,
    }


def _customer_features(past: Past, customers: Ints) -> dict[str, Any]:
    people = past.customers
    visits, lines = people.visits[customers], people.lines[customers]
    return {
        "customer_visits": visits,
        "products_per_visit": lines / np.maximum(visits, 1),
        "customer_repeat_share": 1.0 - people.products[customers] / np.maximum(lines, 1),
        "recency_days": past.day - people.last_day[customers],
        "tenure_days": people.last_day[customers] - people.first_day[customers],
    }


def _category_share(past: Past, place: Ints, product: Ints, customers: Ints) -> Any:
    """Return the share of the customer's habits in the product's category; nan without one."""
    if past.category_of.shape[1] == 0:
        return np.full(len(place), np.nan)
    shares = (past.habits[customers] @ past.category_of).toarray()
    category = past.category[product]
    return np.where(category >= 0, shares[place, np.maximum(category, 0)], np.nan)


def usual_gap_visits(past: Past, rows: Ints) -> Floats:
    """Return the visits usually between two purchases of the product, as ``usual_gap_days``."""
    pairs = past.pairs
    span = (pairs.last_visit[rows] - pairs.first_visit[rows]).astype(np.float64)
    return np.asarray((span + past.products.gap_visits[pairs.product[rows]]) / pairs.visits[rows])


def usual_gap_days(past: Past, rows: Ints) -> Floats:
    """Return the days usually between two purchases of the product, by pair of the past.

    The customer's own gaps, pulled towards everybody's with the weight of one gap.
    """
    pairs = past.pairs
    span = (pairs.last_day[rows] - pairs.first_day[rows]).astype(np.float64)
    return np.asarray((span + past.products.gap_days[pairs.product[rows]]) / pairs.visits[rows])


@dataclass(frozen=True)
class Evidence:
    """What speaks most for a chosen product.

    Attributes
    ----------
    source
        Place in ``SOURCES``.
    because
        For *bought together*: the customer's own product; else -1.
    count
        As the column ``evidence_count``.
    own_row
        The customer's pair of this product; -1 when it is new to the customer.
    """

    source: Ints
    because: Ints
    count: Ints
    own_row: Ints


def evidence(past: Past, candidates: Candidates, chosen: Ints) -> Evidence:
    """Say what speaks most for some of the candidates: the list in which each stands highest."""
    customer, product = candidates.customer[chosen], candidates.product[chosen]
    lists = candidates.lists
    place = np.searchsorted(lists.customers, customer)
    own_row = own_rows(past, customer, product)
    in_together = _standing(lists.best_together[place], lists.together[place, product])
    in_similar = _standing(lists.best_similar[place], lists.similar[place, product])
    standings = np.stack([in_together, in_similar, past.products.popularity_place[product]])
    source = np.where(own_row >= 0, 0, 1 + np.argmin(standings, axis=0))
    because = np.full(len(chosen), -1, dtype=np.int64)
    count = past.products.recent_buyers[product].copy()
    is_own, is_together, is_similar = (source == number for number in range(3))
    count[is_own] = past.pairs.visits[own_row[is_own]]
    because[is_together], count[is_together] = _because(
        past, customer[is_together], product[is_together]
    )
    near = lists.nearest[place[is_similar]]
    goods = product[is_similar][:, None]
    has = (past.neighbour_has[near, goods >> 3] >> (7 - (goods & 7)).astype(np.uint8)) & 1
    count[is_similar] = (has * (near >= 0)).sum(axis=1)
    return Evidence(source.astype(np.int64), because, count, own_row)


def own_rows(past: Past, customer: Ints, product: Ints) -> Ints:
    """Return the pair of each customer and product, -1 where there is none."""
    pairs = past.pairs
    if not len(customer):
        return np.zeros(0, dtype=np.int64)
    # a batch is a few neighbours among all customers: the others' pairs are left alone
    first, after = pairs.start[customer.min()], pairs.start[customer.max() + 1]
    if first == after:
        return np.full(len(customer), -1, dtype=np.int64)
    keys = pair_keys(pairs.customer[first:after], pairs.product[first:after], past.product_count)
    wanted = pair_keys(customer, product, past.product_count)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, first + place, -1)


def _standing(best: Singles, value: Singles) -> Ints:
    """Return how many entries of a list are above a value; far down when it is not on the list."""
    above = (best > value[:, None]).sum(axis=1)
    return np.where(value > 0, above, np.iinfo(np.int32).max)


def _because(past: Past, customer: Ints, product: Ints) -> tuple[Ints, Ints]:
    """Return the own product each product goes together with most, and the customers of both."""
    rows, place = past.pairs.of(customer)
    own = past.pairs.product[rows]
    wanted = pair_keys(own, product[place], past.product_count)
    found = np.minimum(np.searchsorted(past.together_keys, wanted), len(past.together_keys) - 1)
    is_found = past.together_keys[found] == wanted
    rows, place, own, found = rows[is_found], place[is_found], own[is_found], found[is_found]
    share = past.pairs.slow[rows] * past.together.data[found]
    order = np.lexsort((own, -share, place))
    first = order[np.flatnonzero(np.r_[True, place[order][1:] != place[order][:-1]])]
    because = np.full(len(customer), -1, dtype=np.int64)
    count = np.zeros(len(customer), dtype=np.int64)
    because[place[first]] = own[first]
    count[place[first]] = past.together_customers[found[first]]
    return because, count
