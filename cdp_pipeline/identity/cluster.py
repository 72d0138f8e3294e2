"""Clusters from scored pairs: average linkage under constraints.

Belongs here: components, the cap on their size, and the linkage itself, on arrays. Does not belong
here: where weights come from, or ids.

Two clusters are joined while the mean weight over all their pairs is above the threshold; a pair
nobody compared does not exist here, because pairs inside a component are completed first. Many
components are worked at once: those of like size form one array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.identity.exact import smallest_of_component

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A weight counts at most so much (log2) for or against: one absurdly rare agreement must not
# outvote everything else, nor one contradiction a whole cluster.
STRONGEST = 20.0
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


def average_linkage(
    size: int,
    label: NDArray[np.int32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    weights: NDArray[np.float64],
    forbidden: NDArray[np.bool_],
    threshold: float,
) -> NDArray[np.int32]:
    """Return the cluster (its smallest item) of each item.

    Parameters
    ----------
    size
        Number of items.
    label
        Component of each item; every pair inside a component has to be among the pairs, once.
    left, right, weights, forbidden
        The pairs; a forbidden pair never ends up in one cluster.
    threshold
        Mean weight from which clusters are joined.
    """
    counts = np.bincount(label, minlength=size)
    order = np.lexsort((np.arange(size), label))
    start = np.zeros(size, dtype=np.int64)
    first = np.flatnonzero(counts)
    start[first] = np.concatenate(([0], np.cumsum(counts[first])[:-1]))
    place = np.empty(size, dtype=np.int64)
    place[order] = np.arange(size)
    place -= start[label]
    clusters = np.arange(size, dtype=np.int32)
    clipped = np.clip(weights, -STRONGEST, STRONGEST)
    pair_size = counts[label[left]]
    for width in np.unique(pair_size):
        mine = pair_size == width
        members = np.flatnonzero(counts == width)
        index = np.zeros(size, dtype=np.int64)
        index[members] = np.arange(len(members))
        batch = max(1, int(4e6 // (width * width)))
        which = index[label[left[mine]]]
        for begin in range(0, len(members), batch):
            chosen = members[begin : begin + batch]
            part = np.flatnonzero(mine)[(which >= begin) & (which < begin + batch)]
            rows = index[label[left[part]]] - begin
            merged = _link_batch(
                len(chosen),
                int(width),
                (rows, place[left[part]], place[right[part]]),
                clipped[part],
                forbidden[part],
                threshold,
            )
            items = order[(start[chosen][:, None] + np.arange(width)[None, :])]
            clusters[items.ravel()] = np.take_along_axis(items, merged, axis=1).ravel()
    return clusters


def _link_batch(
    count: int,
    width: int,
    where: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    weights: NDArray[np.float64],
    forbidden: NDArray[np.bool_],
    threshold: float,
) -> NDArray[np.int64]:
    """Link ``count`` components of ``width`` items each; return each item's cluster position."""
    batch, row, column = where
    sums = np.zeros((count, width, width))
    sums[batch, row, column] = weights
    sums[batch, column, row] = weights
    barred = np.zeros((count, width, width), dtype=bool)
    barred[batch, row, column] = forbidden
    barred[batch, column, row] = forbidden
    barred[:, np.arange(width), np.arange(width)] = True
    sizes = np.ones((count, width))
    cluster = np.tile(np.arange(width), (count, 1))
    live = np.arange(count)
    for _ in range(width - 1):
        means = sums[live] / (sizes[live][:, :, None] * sizes[live][:, None, :])
        means[barred[live]] = -np.inf
        flat = means.reshape(len(live), -1)
        best = flat.argmax(axis=1)
        go = flat[np.arange(len(live)), best] > threshold
        live, best = live[go], best[go]
        if len(live) == 0:
            break
        a, b = best // width, best % width
        a, b = np.minimum(a, b), np.maximum(a, b)
        sums[live, a, :] += sums[live, b, :]
        sums[live, :, a] += sums[live, :, b]
        barred[live, a, :] |= barred[live, b, :]
        barred[live, :, a] |= barred[live, :, b]
        barred[live, a, a] = True
        barred[live, b, :] = True
        barred[live, :, b] = True
        sizes[live, a] += sizes[live, b]
        moved = cluster[live] == b[:, None]
        cluster[live] = np.where(moved, a[:, None], cluster[live])
    return cluster
