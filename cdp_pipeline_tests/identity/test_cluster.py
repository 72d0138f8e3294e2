from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline.identity.cluster import Ties, components, linked_clusters


def ties(count: int, evidence: dict[tuple[int, int], float], bar: set[tuple[int, int]]) -> Ties:
    left, right = np.triu_indices(count, 1)
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    return Ties(
        left.astype(np.int32),
        right.astype(np.int32),
        np.array([[evidence.get(p, -20.0)] for p in pairs]),
        np.array([[evidence.get(p, -20.0)] for p in pairs]),
        np.array([[evidence.get(p, -20.0)] for p in pairs]),
        np.ones((len(pairs), 1), dtype=np.int32),
        np.array([p in bar for p in pairs]),
        np.zeros((len(pairs), 0), dtype=np.int32),
    )


def joined(count: int, evidence: dict[tuple[int, int], float], bar: set[tuple[int, int]] = set()):  # noqa: ANN201, B006
    label = np.zeros(count, dtype=np.int32)
    return linked_clusters(
        label, ties(count, evidence, bar), np.zeros((count, 0), dtype=np.int32), [], -5.0, 0.0
    ).tolist()


def test_strong_ties_join_and_weak_ones_do_not() -> None:
    assert joined(3, {(0, 1): 12.0, (1, 2): 3.0}) == [0, 0, 2]


def test_a_forbidden_pair_is_never_joined_not_even_through_a_third() -> None:
    evidence = {(0, 1): 15.0, (1, 2): 14.0, (0, 2): 13.0}
    assert joined(3, evidence) == [0, 0, 0]
    assert joined(3, evidence, {(0, 2)}) == [0, 0, 2]


def test_one_agreement_seen_in_two_pairs_counts_once() -> None:
    assert joined(3, {(0, 1): 20.0, (0, 2): 4.5, (1, 2): 4.5}) == [0, 0, 2]


def test_a_pair_that_fits_badly_does_not_outvote_one_that_fits_well() -> None:
    assert joined(3, {(0, 1): 20.0, (0, 2): 9.0, (1, 2): 0.5}) == [0, 0, 0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-15, 15), min_size=10, max_size=10), st.permutations(range(5)))
def test_numbering_does_not_change_who_is_joined(weights: list[float], order: list[int]) -> None:
    left, right = np.triu_indices(5, 1)
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    # Distinct weights: ties are broken by number.
    evidence = {
        p: round(w, 3) + i * 1e-4 for i, (p, w) in enumerate(zip(pairs, weights, strict=True))
    }
    renamed = {tuple(sorted((order[a], order[b]))): w for (a, b), w in evidence.items()}
    first = joined(5, evidence)
    second = joined(5, renamed)  # type: ignore[arg-type]
    assert all((first[a] == first[b]) == (second[order[a]] == second[order[b]]) for a, b in pairs)


def test_an_address_without_a_name_does_not_draw_a_couple_together() -> None:
    # Names and e-mail address: two of a couple, and what a mailing list holds of one of them.
    couple, first, second = [-10.0, 0.5], [0.0, 15.0], [0.0, 15.0]
    nobody = -np.inf

    def found(told: list[list[float]]) -> list[int]:
        evidence = np.array([couple, first, second])
        tie = Ties(
            np.array([0, 0, 1], dtype=np.int32),
            np.array([1, 2, 2], dtype=np.int32),
            evidence,
            evidence,
            np.array(told),
            np.array([[1, 1], [0, 1], [0, 1]], dtype=np.int32),
            np.zeros(3, dtype=bool),
            np.zeros((3, 0), dtype=np.int32),
        )
        holders = np.zeros((3, 0), dtype=np.int32)
        return linked_clusters(np.zeros(3, np.int32), tie, holders, [], -2.0, -3.0).tolist()

    assert found([couple, [nobody, nobody], [nobody, nobody]]) == [0, 1, 0]
    # Were every pair believed alike, the address would outvote the names.
    assert found([couple, first, second]) == [0, 0, 0]


def test_a_component_never_grows_over_its_cap() -> None:
    chain = np.arange(99, dtype=np.int32)
    weights = np.linspace(0, 30, 99)
    label = components(100, chain, chain + 1, weights, -1.0, largest=10)
    assert np.bincount(label).max() <= 10


def contradicting(holders: int, differ: int, personal: float) -> list[int]:
    """Return the clusters of two items with strong ties that differ in so many of their pairs."""
    tie = Ties(
        np.array([0], dtype=np.int32),
        np.array([1], dtype=np.int32),
        np.array([[20.0, personal]]),
        np.array([[20.0, personal]]),
        np.array([[20.0, personal]]),
        np.ones((1, 2), dtype=np.int32),
        np.array([False]),
        np.array([[differ]], dtype=np.int32),
    )
    holding = np.full((2, 1), holders, dtype=np.int32)
    label = np.zeros(2, dtype=np.int32)
    return linked_clusters(label, tie, holding, [1], -5.0, 0.0).tolist()


def test_two_clusters_with_a_value_of_their_own_stay_two() -> None:
    assert contradicting(holders=2, differ=4, personal=0.0) == [0, 1]


def test_one_record_that_differs_is_evidence_and_no_contradiction() -> None:
    assert contradicting(holders=1, differ=1, personal=0.0) == [0, 0]


def test_a_slip_among_the_pairs_is_no_contradiction() -> None:
    assert contradicting(holders=2, differ=2, personal=0.0) == [0, 0]


def test_somebody_with_two_names_and_one_birth_date_is_one() -> None:
    assert contradicting(holders=2, differ=4, personal=8.0) == [0, 0]
