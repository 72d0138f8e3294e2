"""The choice for everybody together keeps every limit and wastes next to nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline.action.arbitration import Candidates, Limit, choose


def _world(seed: int, customers: int, lanes: int = 4) -> tuple[Candidates, list[Limit]]:
    random = np.random.default_rng(seed)
    customer = np.repeat(np.arange(customers), lanes)
    lane = np.tile(np.arange(lanes), customers)
    cost = np.round(random.gamma(1, 4, lanes), 2)[lane]
    value = np.round(random.gamma(1, 10, len(lane)) - cost, 4)
    kept = (value > 0) & (random.random(len(lane)) < 0.8)
    limits = [
        Limit("one lane", (0,), "customers", float(int(0.2 * customers))),
        Limit("two lanes", (1, 2), "customers", float(int(0.3 * customers))),
        Limit("budget", tuple(range(lanes)), "cost", 1.0 * customers),
    ]
    candidates = Candidates(customer[kept], lane[kept], value[kept], cost[kept], customers)
    return candidates, limits


def _used(candidates: Candidates, chosen: np.ndarray, limit: Limit) -> float:
    taken = chosen[chosen >= 0]
    taken = taken[np.isin(candidates.lane[taken], limit.lanes)]
    return float(candidates.cost[taken].sum()) if limit.counts == "cost" else float(len(taken))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), customers=st.integers(1, 60), sample=st.sampled_from([5, 500]))
def test_no_limit_is_exceeded_and_nobody_gets_two(seed: int, customers: int, sample: int) -> None:
    candidates, limits = _world(seed, customers)
    choice = choose(candidates, limits, sample_size=sample)
    assert len(choice.chosen) == customers
    for customer, position in enumerate(choice.chosen):
        assert position < 0 or candidates.customer[position] == customer
    for limit in limits:
        assert _used(candidates, choice.chosen, limit) <= limit.amount + 1e-6
    assert choice.value <= choice.bound + 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_small_worlds_get_the_best_choice_there_is(seed: int) -> None:
    candidates, limits = _world(seed, 6, lanes=3)
    options = [[-1, *np.flatnonzero(candidates.customer == customer)] for customer in range(6)]
    best = 0.0
    for picks in itertools.product(*options):
        chosen = np.array(picks)
        if all(_used(candidates, chosen, limit) <= limit.amount for limit in limits):
            best = max(best, float(candidates.value[chosen[chosen >= 0]].sum()))
    assert choose(candidates, limits).value == pytest.approx(best)


@pytest.mark.parametrize("sample_size", [20_000, 1_000])
def test_large_worlds_reach_the_bound_within_a_tenth_of_a_percent(sample_size: int) -> None:
    candidates, limits = _world(7, 10_000)
    choice = choose(candidates, limits, sample_size=sample_size)
    assert choice.value >= 0.999 * choice.bound


def test_without_binding_limits_everybody_gets_their_best() -> None:
    candidates, _ = _world(3, 50)
    choice = choose(candidates, [Limit("wide", (0, 1, 2, 3), "customers", 1e6)])
    best = np.zeros(50)
    np.maximum.at(best, candidates.customer, candidates.value)
    assert choice.value == pytest.approx(best.sum())


def test_nobody_to_choose_for_is_no_error() -> None:
    nothing = np.array([], dtype=np.int64)
    candidates = Candidates(nothing, nothing, np.array([]), np.array([]), 3)
    assert choose(candidates, [Limit("any", (0,), "customers", 0.0)]).chosen.tolist() == [-1] * 3
