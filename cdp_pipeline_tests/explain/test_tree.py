from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from cdp_pipeline.explain.records import Link
from cdp_pipeline.explain.tree import path, spanning_tree, strength

SIZE = 5
PAIRS = [(a, b) for a in range(SIZE) for b in range(a + 1, SIZE)]
LINKS = st.lists(st.sampled_from(PAIRS), unique=True).flatmap(
    lambda pairs: st.tuples(*(st.integers(-3, 3).map(lambda w, p=p: scored(*p, w)) for p in pairs))
)


def scored(left: int, right: int, weight: float) -> Link:
    return Link(left, right, "scored", float(weight), 0.5)


def bottleneck(way: list[Link]) -> tuple[int, float]:
    return min(strength(link, {}) for link in way)


def ways(links: tuple[Link, ...], start: int, end: int) -> list[list[Link]]:
    """Every way from one record to another, by trying all orders."""
    between = {frozenset((e.left, e.right)): e for e in links}
    found = []
    for size in range(SIZE - 1):
        for middle in permutations([n for n in range(SIZE) if n not in (start, end)], size):
            stops = [start, *middle, end]
            steps = [between.get(frozenset(pair)) for pair in zip(stops, stops[1:], strict=False)]
            if all(step is not None for step in steps):
                found.append([step for step in steps if step is not None])
    return found


@given(links=LINKS, start=st.integers(0, SIZE - 1), end=st.integers(0, SIZE - 1))
def test_no_way_between_two_records_has_a_stronger_weakest_link(
    links: tuple[Link, ...], start: int, end: int
) -> None:
    if start == end:
        return
    found = path(spanning_tree(0, list(range(SIZE)), links, {}), start, end)
    others = ways(links, start, end)
    if not others:
        assert found is None
        return
    assert found is not None
    assert bottleneck(found) == max(bottleneck(way) for way in others)


@given(links=LINKS)
def test_every_record_is_in_the_tree_once_and_below_the_founding_record(
    links: tuple[Link, ...],
) -> None:
    branches = spanning_tree(2, list(range(SIZE)), links, {})
    assert sorted(branch.record_no for branch in branches) == list(range(SIZE))
    assert branches[0].record_no == 2
    seen = set()
    for branch in branches:
        assert branch.parent is None or branch.parent in seen
        seen.add(branch.record_no)


def test_equal_records_are_tied_more_strongly_than_any_rule_and_rules_than_scores() -> None:
    links = [
        scored(0, 1, 99),
        Link(0, 1, "same e-mail and first name", None, 1.0),
        Link(0, 1, "same in every column", None, 1.0),
    ]
    branches = spanning_tree(0, [0, 1], links, {"same e-mail and first name": 0})
    assert branches[1].link == links[2]
    assert spanning_tree(0, [0, 1], links[:2], {})[1].link == links[1]
