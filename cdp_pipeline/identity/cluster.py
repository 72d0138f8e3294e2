"""Clusters from scored pairs: linkage by pooled evidence, under constraints.

Belongs here: components, the cap on their size, and the linkage itself, on arrays. Does not belong
here: where evidence comes from, or ids.

Two clusters are joined while their pooled evidence, with the prior counted once, says they are one.
The evidence of the pairs between two clusters is not independent, so n pairs count like
n / (1 + (n - 1) x sameness) pairs of average weight (the design effect of cluster sampling): with
sameness 1 this is average linkage, with 0 it adds everything up. A pair nobody compared does not
exist here, because pairs inside a component are completed first. Many components are worked at
once: those of like size form one array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.identity.exact import smallest_of_component

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Ties:
    """Evidence between pairs of items, each pair once.

    Attributes
    ----------
    left, right
        The items.
    evidence
        Log2 likelihood ratios, one column per part, summed over the pairs of records the two items
        stand for.
    best
        The highest ratio of one of these pairs, in the same columns.
    told
        The highest of one of those pairs that show best what the part is worth; minus infinity
        where there is none. Where there is one, no other pair says more.
    informed
        How many of these pairs each part says something about.
    forbidden
        Whether the two may never end up in one cluster.
    differ
        In how many of these pairs each contradicting column differs beyond slips.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    evidence: NDArray[np.float64]
    best: NDArray[np.float64]
    told: NDArray[np.float64]
    informed: NDArray[np.int32]
    forbidden: NDArray[np.bool_]
    differ: NDArray[np.int32]

    def take(self, index: NDArray[np.int64]) -> Ties:
        """Return some of the ties."""
        return Ties(
            self.left[index],
            self.right[index],
            self.evidence[index],
            self.best[index],
            self.told[index],
            self.informed[index],
            self.forbidden[index],
            self.differ[index],
        )


# A weight counts at most so much (log2) for or against: one absurdly rare agreement must not
# outvote everything else, nor one contradiction a whole cluster.
STRONGEST = 40.0
# How alike the evidence of two pairs of records is when both pairs lie between the same two
# clusters: 1 says that further pairs add nothing, 0 that each is news.
SAMENESS = 0.6
# A value is a cluster's own when so many of its records hold one; two clusters that each have their
# own, different in this share of the pairs between them, are two people whatever else agrees.
ESTABLISHED = 2
DIFFERING = 0.9
# Cells of the arrays worked at once.
_BATCH_CELLS = 2e6
# No component may hold more items than this before linkage.
LARGEST_COMPONENT = 150


def components(
    size: int,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    weights: NDArray[np.float64],
    least: float,
    largest: int = LARGEST_COMPONENT,
) -> NDArray[np.int32]:
    """Return the component (its smallest item) of each item, none larger than allowed.

    Too large a component is taken apart by raising the least weight inside it until it is small
    enough; its strongest ties stay.
    """
    keep = weights >= least
    label = smallest_of_component(size, left[keep], right[keep])
    bar = np.full(size, least)
    while True:
        counts = np.bincount(label, minlength=size)
        too_large = counts > largest
        if not too_large.any():
            return label
        bar[too_large] += 1.0
        inside = label[left] == label[right]
        keep = inside & (weights >= bar[label[left]])
        if not (inside & ~keep & too_large[label[left]]).any() and (bar > STRONGEST * 5).any():
            return label
        fresh = smallest_of_component(size, left[keep], right[keep])
        # Items of a component that was fine keep their bar.
        bar = bar[label]
        bar_of = np.full(size, least)
        np.maximum.at(bar_of, fresh, bar)
        label, bar = fresh, bar_of


def linked_clusters(
    label: NDArray[np.int32],
    ties: Ties,
    holders: NDArray[np.int32],
    personal: list[int],
    prior: float,
    threshold: float,
) -> NDArray[np.int32]:
    """Return the cluster (its smallest item) of each item.

    Parameters
    ----------
    label
        Component of each item; every pair of items inside a component has to be among the ties.
    ties
        Evidence between items.
    holders
        How many records of each item hold a value in each contradicting column.
    personal
        Parts of the evidence that come from what a person has one of for life.
    prior
        Log2 odds that two records match before any evidence.
    threshold
        Log2 odds from which two clusters are joined.
    """
    count = len(label)
    widths = np.bincount(label, minlength=count)
    order = np.lexsort((np.arange(count), label))
    start = np.concatenate(([0], np.cumsum(widths)))[:-1]
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    place -= start[label]
    clusters = np.arange(count, dtype=np.int32)
    tie_label = label[ties.left]
    # Ties of one component stand together, so that a batch is a slice.
    by_component = np.lexsort((tie_label, widths[tie_label]))
    for width in np.unique(widths[tie_label]):
        members = np.flatnonzero(widths == width)
        pairs_each = int(width) * (int(width) - 1) // 2
        mine = by_component[_span(widths[tie_label][by_component], width)]
        step = max(1, int(_BATCH_CELLS // (int(width) ** 2 * ties.evidence.shape[1])))
        for begin in range(0, len(members), step):
            chosen = members[begin : begin + step]
            part = mine[begin * pairs_each : (begin + len(chosen)) * pairs_each]
            items = order[start[chosen][:, None] + np.arange(width)[None, :]]
            where = (
                np.searchsorted(chosen, tie_label[part]),
                place[ties.left[part]],
                place[ties.right[part]],
            )
            merged = _link_batch(where, ties.take(part), holders[items], personal, prior, threshold)
            clusters[items.ravel()] = np.take_along_axis(items, merged, axis=1).ravel()
    return clusters


def _span(sorted_values: NDArray[np.integer], value: int) -> slice:
    return slice(
        int(np.searchsorted(sorted_values, value, "left")),
        int(np.searchsorted(sorted_values, value, "right")),
    )


def _link_batch(
    where: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    ties: Ties,
    holders: NDArray[np.int32],
    personal: list[int],
    prior: float,
    threshold: float,
) -> NDArray[np.int64]:
    """Link components of one width at once; return each item's cluster position."""
    batch, row, column = where
    count, width, _ = holders.shape
    sums = np.zeros((count, width, width, ties.evidence.shape[1]))
    sums[batch, row, column] = sums[batch, column, row] = ties.evidence
    best = np.zeros(sums.shape)
    best[batch, row, column] = best[batch, column, row] = ties.best
    told = np.full(sums.shape, -np.inf)
    told[batch, row, column] = told[batch, column, row] = ties.told
    known = np.zeros(sums.shape)
    known[batch, row, column] = known[batch, column, row] = ties.informed
    barred = np.zeros((count, width, width), dtype=bool)
    barred[batch, row, column] = barred[batch, column, row] = ties.forbidden
    barred[:, np.arange(width), np.arange(width)] = True
    differ = np.zeros((count, width, width, holders.shape[2]), dtype=np.int32)
    differ[batch, row, column] = differ[batch, column, row] = ties.differ
    parts = _pooled(sums, best, told, known)
    odds = parts.sum(axis=-1) + prior
    against = _contradicting(differ, holders[:, :, None], holders[:, None, :], parts, personal)
    odds[barred | against] = -np.inf
    cluster = np.tile(np.arange(width), (count, 1))
    live = np.arange(count)
    for _ in range(width - 1):
        flat = odds[live].reshape(len(live), -1)
        cell = flat.argmax(axis=1)
        go = flat[np.arange(len(live)), cell] > threshold
        live, cell = live[go], cell[go]
        if len(live) == 0:
            break
        a, b = np.minimum(cell // width, cell % width), np.maximum(cell // width, cell % width)
        for table in (sums, known, differ, holders):
            table[live, a] += table[live, b]
        for table in (best, told):
            table[live, a] = np.maximum(table[live, a], table[live, b])
        barred[live, a] |= barred[live, b]
        barred[live, a, a] = True
        barred[live, b] = True
        parts = _pooled(sums[live, a], best[live, a], told[live, a], known[live, a])
        fresh = parts.sum(axis=-1) + prior
        against = _contradicting(
            differ[live, a], holders[live, a][:, None], holders[live], parts, personal
        )
        fresh[barred[live, a] | against] = -np.inf
        for table in (sums, best, told, known, differ):
            table[live, :, a] = table[live, a]
        barred[live, :, a] = barred[live, a]
        barred[live, :, b] = True
        odds[live, a] = odds[live, :, a] = fresh
        odds[live, b] = odds[live, :, b] = -np.inf
        moved = cluster[live] == b[:, None]
        cluster[live] = np.where(moved, a[:, None], cluster[live])
    return cluster


def _contradicting(
    differ: NDArray[np.int32],
    one: NDArray[np.int32],
    other: NDArray[np.int32],
    parts: NDArray[np.float64],
    personal: list[int],
) -> NDArray[np.bool_]:
    """Return whether two clusters each hold a value of their own in a column, and not the same.

    Somebody known by two names is born on one day: where the columns that belong to one person
    speak for it, the difference is weighed as evidence and decides nothing by itself.
    """
    settled = (one >= ESTABLISHED) & (other >= ESTABLISHED)
    differs = (settled & (differ >= DIFFERING * one * other)).any(axis=-1)
    return np.asarray(differs & (parts[..., personal].sum(axis=-1) <= 0))


def _pooled(
    sums: NDArray[np.float64],
    best: NDArray[np.float64],
    told: NDArray[np.float64],
    known: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the parts of the evidence between clusters, each by the pairs that it knows about.

    The same agreement seen in many pairs is one agreement: together they never say more than the
    best of them, nor than the best of those that can tell.
    """
    pooled = sums / (1 + np.maximum(known - 1, 0) * SAMENESS)
    return np.asarray(np.minimum(pooled, np.where(np.isneginf(told), best, told)))
