"""One choice for everybody together: the most value that capacities and budgets allow.

Belongs here: arrays in, arrays out; no tables, no words. Each customer takes at most one of their
candidates. Where no limit binds that is simply the best one. Where limits bind, a linear program
(HiGHS) prices each limit and decides for everybody; of a large base, first an even sample gives
the prices and then a second program decides for those who waver at them. The few that a program
leaves split between two choices take the best that still fits. The prices also bound what any
choice could reach, so how good this one is, is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Positions: TypeAlias = NDArray[np.int64]

# Customers in the linear program; 25,000 with 8 candidates each take about 1.5 CPU seconds.
SAMPLE_SIZE = 25_000
# Candidates up to which whole choices are searched for: in a small base the one or two customers
# that a linear program splits matter. A bounded search, so that it always ends.
WHOLE_SIZE = 2_000
_SEARCH_NODES = 2_000
_WHOLE = 1e-6


@dataclass(frozen=True)
class Limit:
    """What some lanes (an action through a channel) may use together.

    Attributes
    ----------
    name : str
    lanes : tuple of int
    counts : {"customers", "cost"}
        What is added up.
    amount : float
        At most this much.
    """

    name: str
    lanes: tuple[int, ...]
    counts: Literal["customers", "cost"]
    amount: float


@dataclass(frozen=True)
class Candidates:
    """Open candidates, sorted by customer; the order within a customer breaks ties.

    Attributes
    ----------
    customer : array of int
        Number of the customer, from 0.
    lane : array of int
    value : array of float
        Expected value, above zero.
    cost : array of float
    customer_count : int
    """

    customer: Positions
    lane: Positions
    value: Floats
    cost: Floats
    customer_count: int

    def only(self, kept: NDArray[np.bool_] | Positions) -> Candidates:
        """Return some of the candidates, of the same customers."""
        return replace(
            self,
            customer=self.customer[kept],
            lane=self.lane[kept],
            value=self.value[kept],
            cost=self.cost[kept],
        )


@dataclass(frozen=True)
class Choice:
    """What was chosen, and how good it can be said to be.

    Attributes
    ----------
    chosen : array of int
        Per customer the position of the candidate, or -1.
    prices : array of float
        Per limit what one more unit of it would be worth.
    value : float
        Expected value of all that was chosen.
    bound : float
        What no choice within the limits can exceed.
    """

    chosen: Positions
    prices: Floats
    value: float
    bound: float


def choose(
    candidates: Candidates, limits: Sequence[Limit], *, sample_size: int = SAMPLE_SIZE
) -> Choice:
    """Choose at most one candidate per customer within all limits.

    Parameters
    ----------
    candidates : Candidates
    limits : sequence of Limit
    sample_size : int
        Customers in the linear program.
    """
    usage = _usage(candidates, limits)
    amounts = np.array([limit.amount for limit in limits], dtype=np.float64)
    best = best_candidates(candidates, candidates.value)
    taken = best[best >= 0]
    if all(use[taken].sum() <= amount + _WHOLE for use, amount in zip(usage, amounts, strict=True)):
        value = float(candidates.value[taken].sum())
        return Choice(best, np.zeros(len(limits)), value, value)
    prices, certain = _prices(candidates, limits, usage, amounts, sample_size)
    net_value = net_values(candidates, limits, prices)
    chosen = _fill(candidates, usage, amounts, net_value, certain)
    # what the prices left over goes to who gains most from it
    chosen = _fill(candidates, usage, amounts, candidates.value, chosen)
    taken = chosen[chosen >= 0]
    reachable = best_values(candidates, net_value).sum() + float(prices @ amounts)
    return Choice(chosen, prices, float(candidates.value[taken].sum()), float(reachable))


def net_values(candidates: Candidates, limits: Sequence[Limit], prices: Floats) -> Floats:
    """Return per candidate the value less the price of the limits it uses."""
    net_value = candidates.value.copy()
    for price, use in zip(prices, _usage(candidates, limits), strict=True):
        net_value -= price * use
    return net_value


def best_values(candidates: Candidates, score: Floats) -> Floats:
    """Return each customer's highest score, or 0 where none is above it."""
    best = np.zeros(candidates.customer_count)
    if len(score):
        starts = np.flatnonzero(np.r_[True, np.diff(candidates.customer) > 0])
        best[candidates.customer[starts]] = np.maximum(np.maximum.reduceat(score, starts), 0)
    return best


def best_candidates(candidates: Candidates, score: Floats) -> Positions:
    """Return the position of each customer's best candidate above zero, or -1; ties: the first."""
    best = best_values(candidates, score)
    chosen = np.full(candidates.customer_count, -1, dtype=np.int64)
    positions = np.flatnonzero((score > 0) & (score == best[candidates.customer]))
    # written backwards, so that the first of equals stays
    chosen[candidates.customer[positions][::-1]] = positions[::-1]
    return chosen


def _usage(candidates: Candidates, limits: Sequence[Limit]) -> list[Floats]:
    """Return per limit what each candidate uses of it."""
    usage = []
    for limit in limits:
        in_lanes = np.isin(candidates.lane, limit.lanes)
        usage.append(np.where(in_lanes, candidates.cost if limit.counts == "cost" else 1.0, 0.0))
    return usage


def _prices(
    candidates: Candidates,
    limits: Sequence[Limit],
    usage: list[Floats],
    amounts: Floats,
    sample_size: int,
) -> tuple[Floats, Positions]:
    """Return the price of each limit, and what is decided for sure."""
    undecided = np.full(candidates.customer_count, -1, dtype=np.int64)
    customers = np.unique(candidates.customer)
    if len(customers) <= sample_size:
        return _solved(candidates, usage, amounts, undecided)
    # every k-th of the sorted ids, which are hashes: as good as a random draw, and repeatable
    places = np.linspace(0, len(customers) - 1, sample_size).astype(np.int64)
    sampled = np.flatnonzero(np.isin(candidates.customer, customers[places]))
    first_prices, _ = _solved(
        candidates.only(sampled),
        [use[sampled] for use in usage],
        amounts * (sample_size / len(customers)),
        undecided,
    )
    # At about these prices most customers are sure of their choice; a second program decides
    # together for those who are least sure, with what the others leave.
    net_value = net_values(candidates, limits, first_prices)
    sure = best_candidates(candidates, net_value)
    wavering = np.argsort(_margins(candidates, net_value, sure), kind="stable")[:sample_size]
    sure[wavering] = -1
    left = amounts - np.array([use[sure[sure >= 0]].sum() for use in usage])
    if (left < 0).any():
        return first_prices, undecided
    core = np.flatnonzero(np.isin(candidates.customer, wavering))
    prices, decided = _solved(candidates.only(core), [use[core] for use in usage], left, undecided)
    return prices, np.where(decided >= 0, core[decided], sure)


def _margins(candidates: Candidates, net_value: Floats, chosen: Positions) -> Floats:
    """Return how far each customer's choice, or having none, is from the next best."""
    has_one = chosen >= 0
    others = net_value.copy()
    others[chosen[has_one]] = -np.inf
    margin = np.full(candidates.customer_count, np.inf)
    starts = np.flatnonzero(np.r_[True, np.diff(candidates.customer) > 0])
    margin[candidates.customer[starts]] = -np.maximum.reduceat(others, starts)
    margin[has_one] = net_value[chosen[has_one]] - np.maximum(-margin[has_one], 0)
    return margin


def _solved(
    candidates: Candidates, usage: list[Floats], amounts: Floats, undecided: Positions
) -> tuple[Floats, Positions]:
    solution = _linear_program(candidates, usage, amounts)
    prices = np.maximum(-solution.ineqlin.marginals[: len(usage)], 0)
    taken = solution.x
    if len(candidates.customer) <= WHOLE_SIZE:
        taken = _whole_program(candidates, usage, amounts, taken)
    decided = undecided.copy()
    whole = np.flatnonzero(taken > 1 - _WHOLE)
    decided[candidates.customer[whole]] = whole
    return np.round(prices, 9), decided


def _constraints(candidates: Candidates, usage: list[Floats]) -> Any:
    """Return the matrix of what each candidate uses: every limit, then its customer's one turn."""
    from scipy import sparse

    count = len(candidates.customer)
    numbers = np.unique(candidates.customer, return_inverse=True)[1]
    one_each = sparse.csr_matrix((np.ones(count), (numbers, np.arange(count))))
    return sparse.vstack([sparse.csr_matrix(np.vstack(usage)), one_each], format="csr")


def _linear_program(candidates: Candidates, usage: list[Floats], amounts: Floats) -> Any:
    from scipy.optimize import linprog

    matrix = _constraints(candidates, usage)
    # interior point: measured at 100,000 x 8, 4 s against 51 s for the simplex
    solution = linprog(
        -candidates.value,
        A_ub=matrix,
        b_ub=np.r_[amounts, np.ones(matrix.shape[0] - len(amounts))],
        bounds=(0, 1),
        method="highs-ipm",
    )
    if solution.status != 0:  # pragma: no cover - choosing nothing is always feasible
        raise RuntimeError(f"the solver stopped with status {solution.status}")
    return solution


def _whole_program(
    candidates: Candidates, usage: list[Floats], amounts: Floats, otherwise: Floats
) -> Floats:
    """Return the best whole choice that is found, or what was given if none is."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    matrix = _constraints(candidates, usage)
    room = np.r_[amounts, np.ones(matrix.shape[0] - len(amounts))]
    solution = milp(
        -candidates.value,
        constraints=LinearConstraint(matrix, ub=room),
        integrality=np.ones(len(candidates.value), dtype=np.int64),
        bounds=Bounds(0, 1),
        options={"node_limit": _SEARCH_NODES, "mip_rel_gap": 1e-6},
    )
    return otherwise if solution.x is None else np.asarray(solution.x)


def _fill(
    candidates: Candidates,
    usage: list[Floats],
    amounts: Floats,
    score: Floats,
    chosen: Positions,
) -> Positions:
    """Give the customers without a choice their best one that still fits, in rounds.

    Where the first choices of a round overrun a limit, those with most to lose come first; the
    others choose again among what is left.
    """
    chosen = chosen.copy()
    left = amounts - np.array([use[chosen[chosen >= 0]].sum() for use in usage])
    waiting = np.flatnonzero((chosen[candidates.customer] < 0) & (score > 0))
    while len(waiting):
        fits = np.ones(len(waiting), dtype=bool)
        for use, room in zip(usage, left, strict=True):
            fits &= use[waiting] <= room + _WHOLE
        waiting = waiting[fits]
        part, part_usage = candidates.only(waiting), [use[waiting] for use in usage]
        wanted = best_candidates(part, score[waiting])
        wanted = wanted[wanted >= 0]
        taken = _within(part, part_usage, left, score[waiting], wanted)
        if not len(taken):
            break
        chosen[part.customer[taken]] = waiting[taken]
        left = left - np.array([use[taken].sum() for use in part_usage])
        waiting = waiting[chosen[candidates.customer[waiting]] < 0]
    return chosen


def _within(
    candidates: Candidates, usage: list[Floats], left: Floats, score: Floats, wanted: Positions
) -> Positions:
    """Return those of the wanted candidates that fit into what is left of every limit."""
    kept = wanted
    for use, room in zip(usage, left, strict=True):
        if use[kept].sum() <= room + _WHOLE:
            continue
        others = np.where(use > 0, 0.0, score)
        loss = score[kept] - best_values(candidates, others)[candidates.customer[kept]]
        # per unit of what is scarce; those who use nothing of it stay in any case
        rate = np.where(use[kept] > 0, loss / np.maximum(use[kept], 1e-12), np.inf)
        order = np.lexsort((kept, -rate))
        fits = np.cumsum(use[kept][order]) <= room + _WHOLE
        kept = np.sort(kept[order[fits]])
    return kept
