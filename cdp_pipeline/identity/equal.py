"""Which of many numbers are equal.

Belongs here: finding the positions of equal hashes fast, on arrays. Does not belong here: what the
numbers stand for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Keys are looked up by so many bits first: the table stays within a processor's cache.
_SIEVE_BITS = 20


def blocks(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of keys in order of key, and where each block of equal keys starts.

    The starts end with the number of positions; missing keys are left out.
    """
    # The upper bits of a key and its position in one number: sorting numbers is several times as
    # fast as sorting positions by key.
    bits = max(1, int(len(keys) - 1).bit_length())
    place = np.uint64((1 << bits) - 1)
    packed = (keys & ~place) | np.arange(len(keys), dtype=np.uint64)
    packed = packed[keys != 0]
    packed.sort()
    order = (packed & place).astype(np.int64)
    if not len(order):
        return order, np.zeros(1, dtype=np.int64)
    full = keys[order]
    starts = np.append(0, np.flatnonzero((packed[1:] ^ packed[:-1]) > place) + 1)
    widths = np.diff(np.append(starts, len(order)))
    # Keys that differ in their lower bits only are taken apart.
    mixed = full != np.repeat(full[starts], widths)
    if mixed.any():
        mixed = np.repeat(np.logical_or.reduceat(mixed, starts), widths)
        block = np.repeat(np.arange(len(starts)), widths)[mixed]
        own = order[mixed]
        order[mixed] = own[np.lexsort((own, keys[own], block))]
        full = keys[order]
    changes = np.flatnonzero(full[1:] != full[:-1]) + 1
    return order, np.concatenate(([0], changes, [len(order)])).astype(np.int64)


def blocks_with(
    keys: NDArray[np.uint64], among: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the blocks, as `blocks` does, that hold one of some nodes; much faster for few."""
    some = perhaps_among(keys, keys[among])
    if not len(some):
        return some, np.zeros(1, dtype=np.int64)
    order, ends = blocks(keys[some])
    order = some[order]
    has = np.logical_or.reduceat(among[order], ends[:-1])
    widths = np.diff(ends)
    return order[np.repeat(has, widths)], np.append(0, np.cumsum(widths[has]))


def perhaps_among(keys: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the positions of all keys that are wanted, and of a few that are not."""
    shift = np.uint64(64 - _SIEVE_BITS)
    seen = np.zeros(1 << _SIEVE_BITS, dtype=bool)
    seen[wanted[wanted != 0] >> shift] = True
    # No index is out of bounds: "clip" only spares looking.
    perhaps = seen.take((keys >> shift).view(np.int64), mode="clip")
    if seen[0]:
        perhaps &= keys != 0
    return np.asarray(np.flatnonzero(perhaps))


def among(keys: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the positions of all keys that are wanted."""
    some = perhaps_among(keys, wanted)
    return some[np.isin(keys[some], wanted)]


def equal_positions(
    left: NDArray[np.uint64], right: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of numbers that both lists hold, in either; each holds one only once."""
    order, ends = blocks(np.concatenate((left, right)))
    starts = ends[:-1][np.diff(ends) == 2]
    return order[starts], order[starts + 1] - len(left)
