"""The tree of strongest links among the records of one customer, and the path between two.

Belongs here: which links hold a cluster together. Does not belong here: where links come from.

Of all ways to reach every record from the founding one, the tree takes the strongest links (a
maximum spanning tree), so the path between two records is the one whose weakest link is strongest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdp_pipeline.explain.records import SCORED, Link

COPY = "same in every column"


@dataclass(frozen=True)
class Branch:
    """A record in the tree, with the link to the record it hangs on; none at the root."""

    record_no: int
    parent: int | None
    link: Link | None
    depth: int


def strength(link: Link, rules: Mapping[str, int]) -> tuple[int, float]:
    """Return how strong a link is: equal records, then rules in their order, then weights."""
    if link.how == COPY:
        return (2, 0.0)
    if link.how != SCORED:
        return (1, -float(rules.get(link.how, len(rules))))
    return (0, link.weight if link.weight is not None else float("-inf"))


def spanning_tree(
    founder: int, records: Sequence[int], links: Sequence[Link], rules: Mapping[str, int]
) -> list[Branch]:
    """Return the records as a tree from the founder on, in the order in which it is walked.

    A record that no stored link reaches hangs on the founder without a link.

    Examples
    --------
    >>> weak, strong = Link(1, 2, "scored", 3.0, 0.9), Link(2, 3, "scored", 9.0, 1.0)
    >>> [b.record_no for b in spanning_tree(1, [1, 2, 3], [weak, strong], {})]
    [1, 2, 3]
    """
    ordered = sorted(links, key=lambda e: (*(-s for s in strength(e, rules)), e.left, e.right))
    group = {record: record for record in records}
    beside: dict[int, list[tuple[int, Link]]] = {record: [] for record in records}
    for link in ordered:
        one, other = _top(group, link.left), _top(group, link.right)
        if one != other:
            group[max(one, other)] = min(one, other)
            beside[link.left].append((link.right, link))
            beside[link.right].append((link.left, link))
    branches: list[Branch] = []
    seen: set[int] = set()
    for root in (founder, *records):
        if root not in seen:
            parent = None if root == founder else founder
            depth = 0 if root == founder else 1
            _walk(Branch(root, parent, None, depth), beside, seen, branches)
    return branches


def path(branches: Sequence[Branch], start: int, end: int) -> list[Link] | None:
    """Return the links from one record to another; None where a link is not known."""
    at = {branch.record_no: branch for branch in branches}
    one, other = _to_root(at, start), _to_root(at, end)
    while len(one) > 1 and len(other) > 1 and one[-2] == other[-2]:
        one.pop()
        other.pop()
    steps = [at[record].link for record in one[:-1]]
    steps += [at[record].link for record in reversed(other[:-1])]
    known = [step for step in steps if step is not None]
    return known if len(known) == len(steps) else None


def _to_root(at: Mapping[int, Branch], record: int) -> list[int]:
    way = [record]
    while (parent := at[way[-1]].parent) is not None:
        way.append(parent)
    return way


def _top(group: dict[int, int], record: int) -> int:
    while group[record] != record:
        group[record] = group[group[record]]
        record = group[record]
    return record


def _walk(
    start: Branch,
    beside: Mapping[int, list[tuple[int, Link]]],
    seen: set[int],
    branches: list[Branch],
) -> None:
    waiting = [start]
    while waiting:
        branch = waiting.pop()
        seen.add(branch.record_no)
        branches.append(branch)
        following = sorted(beside[branch.record_no], key=lambda pair: pair[0], reverse=True)
        waiting += [
            Branch(record, branch.record_no, link, branch.depth + 1)
            for record, link in following
            if record not in seen
        ]
