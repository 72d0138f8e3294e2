"""The order in which tables can be made.

Belongs here: sorting by what reads what, the same way every time, and naming the cycles that
make it impossible. Tables are plain names here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence


def in_order(
    reads: Mapping[str, Sequence[str]], rank: Callable[[str], tuple[int, str]]
) -> tuple[list[str], list[list[str]]]:
    """Return the names so that each comes after all it reads, and the cycles.

    Parameters
    ----------
    reads : Mapping[str, Sequence[str]]
        What each name reads; names that are no key are taken as given.
    rank : Callable[[str], tuple[int, str]]
        Which of several possible names comes first.

    Returns
    -------
    tuple[list[str], list[list[str]]]
        The names in order, without those in or behind a cycle; and the cycles, each as the
        names along it.

    Examples
    --------
    >>> in_order({"b": ["a"], "a": [], "c": ["c"]}, lambda name: (0, name))
    (['a', 'b'], [['c']])
    """
    waiting = {name: {read for read in sources if read in reads} for name, sources in reads.items()}
    readers: dict[str, list[str]] = {name: [] for name in reads}
    for name, sources in waiting.items():
        for source in sources:
            readers[source].append(name)
    ready = [(rank(name), name) for name, sources in waiting.items() if not sources]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        _, name = heapq.heappop(ready)
        ordered.append(name)
        for reader in readers[name]:
            waiting[reader].discard(name)
            if not waiting[reader]:
                heapq.heappush(ready, (rank(reader), reader))
    return ordered, _cycles(set(reads) - set(ordered), waiting)


def _cycles(names: set[str], waiting: Mapping[str, set[str]]) -> list[list[str]]:
    """Return one cycle for each group of names that wait for each other."""
    cycles: list[list[str]] = []
    seen: set[str] = set()
    for start in sorted(names):
        path: list[str] = []
        name = start
        while name not in seen:
            seen.add(name)
            path.append(name)
            name = min(waiting[name])
        if name in path:
            cycles.append(path[path.index(name) :])
    return cycles
