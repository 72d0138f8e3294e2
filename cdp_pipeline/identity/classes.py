"""Learning the classes of pairs: what people, households, namesakes and strangers agree on.

Belongs here: what is believed of each class before any data is seen, learning from the levels of
the candidate pairs, and the limits within which a class stays what it is called. Does not belong
here: weighing a pair by what was learnt (``mixture``), how often strangers share a value
(``chance``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.identity.chance import Known, by_chance, holding_more, of_one_person, telling
from cdp_pipeline.identity.mixture import OTHERS, SAME, Mixture
from cdp_pipeline.identity.score import (
    ComparedPairs,
    codes_of,
    level_count,
    level_shares,
    nine_digits,
    slip_levels,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns

# Which kinds of columns each class of others agrees on more than strangers do, and how far towards
# the agreement of one person this is believed to go before the data is seen.
_AGREEMENT: dict[str, dict[str, float]] = {
    "namesake": {
        "given_name": 0.3,
        "family_name": 0.3,
        "full_name": 0.3,
        "email": 0.3,
    },
    "local_namesake": {
        "given_name": 0.3,
        "family_name": 0.3,
        "full_name": 0.3,
        "email": 0.3,
        "postcode": 0.3,
        "text": 0.7,
    },
    "household": {
        "family_name": 0.7,
        "address": 0.8,
        "postcode": 0.8,
        "text": 0.8,
        "email": 0.2,
        "phone": 0.2,
    },
    "neighbour": {"address": 0.1, "postcode": 0.7, "text": 0.7, "family_name": 0.02},
    "townsman": {"text": 0.7, "family_name": 0.02},
}
# Names that agree more often than by chance, but common ones more often than rare ones all the
# same: people of one country or culture are alike in their names.
_NAMES = ("given_name", "family_name", "full_name", "email")
_ALIKE = {"namesake": _NAMES, "local_namesake": _NAMES,
          "neighbour": ("family_name",), "townsman": ("family_name",)}  # fmt: skip
# Kinds that are sparse and decisive.
_APART = ("date", "category", "identifier")
# Kinds that change when somebody moves.
_PLACE = ("address", "postcode", "text")
# Pairs expected per hundred candidates, to start from.
_EXPECTED = {
    "stayed": 5.0,
    "moved": 1.0,
    "namesake": 5.0,
    "local_namesake": 2.0,
    "household": 3.0,
    "neighbour": 10.0,
    "townsman": 10.0,
}
# What is believed before the data weighs as much as so many pairs.
BELIEF = 20.0
# At least so many pairs of household members are expected for each pair of records of one person.
HOUSEHOLD_PAIRS = 0.1
# Pairs of one household that were born on one day.
TWINS = 0.015
ROUNDS = 60
# Of two records of one person, no more than so many differ beyond slips in a column that people
# have one of and that contradicts: whatever differs more often is what families are alike in.
MOST_DIFFERENT = 0.2
# Of two records of one household, no more than so many have another address.
MOST_ELSEWHERE = 0.2
# And no more than so many have family names that are not alike.
MOST_OTHER_NAMES = 0.5
# And no more than so many of them, or of namesakes, share an e-mail address or a telephone: most
# people have their own.
MOST_SHARED = 0.3
_TINY = 1e-9


def _learnt_in(columns: IdentityColumns, name: str) -> list[tuple[str, ...]]:
    """Return the groups of classes in which a column is learnt; elsewhere it agrees by chance."""
    column = columns.columns[name]
    place = column.kind in _PLACE and column.shared_by != "nobody"
    groups: list[tuple[str, ...]] = [("stayed",), ("moved",)] if place else [SAME]
    if column.shared_by == "nobody":
        return groups
    return groups + [(c,) for c, kinds in _AGREEMENT.items() if column.kind in kinds]


def learn_mixture(
    settings: dict[str, Any],
    believed: dict[str, Any],
    columns: IdentityColumns,
    pairs: ComparedPairs,
    all_pairs: float,
    known: dict[str, Known],
) -> Mixture:
    """Learn the classes from the levels of the candidate pairs.

    The pairs that no blocking rule brought are taken for strangers.

    Parameters
    ----------
    settings
        With u, and the m to start from.
    believed
        The same settings with the m believed before any data: what is never seen is as rare as
        a few pairs of that belief among all, not impossible.
    columns
        What is declared of the columns.
    pairs
        Candidate pairs.
    all_pairs
        How many pairs there are in all.
    known
        Per column, in how many pairs both records have a value.
    """
    names = [c["output_column_name"] for c in settings["comparisons"]]
    patterns, counts = _patterns(pairs.levels)
    first = _classes(settings, settings, columns, names)
    start = _classes(believed, settings, columns, names)
    share = len(pairs) / all_pairs / 100
    shares = {c: max(e * share, _TINY) for c, e in _EXPECTED.items()}
    shares["stranger"] = 1 - sum(shares.values())
    agreement = {c: [levels.copy() for levels in first[c]] for c in first}
    learnt_in = {n: _learnt_in(columns, n) for n in names}
    limits = _limits(settings, columns)
    _hold(agreement, limits)
    for position, name in enumerate(names):
        # Whoever shares what a person or a household has is no stranger, until the pairs say so.
        if columns.columns[name].shared_by != "many":
            _update_chance(agreement, start, position, learnt_in[name], known[name], math.inf)
    holding = holding_more(patterns, telling(columns, names))
    two_people = _of_two_people(patterns, [columns.columns[n].contradicts for n in names])
    for _ in range(ROUNDS):
        likely = _responsibilities(patterns, shares, agreement)
        likely[:, : len(SAME)] *= ~two_people[:, None]
        weight = likely / likely.sum(axis=1, keepdims=True) * counts[:, None]
        for position, levels in enumerate(patterns.T):
            told, name = holding[:, position], names[position]
            for group in learnt_in[name]:
                counted = levels >= 0 if group[0] in SAME else told & (levels >= 0)
                _update(agreement, start, weight, levels, counted, position, group)
            same = levels == len(start["stranger"][position]) - 1
            of_one = _of_one(weight[same], told[same], learnt_in[name], known[name])
            _update_chance(agreement, start, position, learnt_in[name], known[name], of_one)
        _hold(agreement, limits)
        # No class is ruled out because the data at hand has none of it: the next delivery may.
        sums = (weight.sum(axis=0) + BELIEF) / all_pairs
        shares = {c: float(s) for c, s in zip((*SAME, *OTHERS), sums, strict=True)}
        least = HOUSEHOLD_PAIRS * sum(shares[c] for c in SAME)
        shares["household"] = max(shares["household"], least)
        shares["stranger"] = max(1 - sum(s for c, s in shares.items() if c != "stranger"), _TINY)
    return Mixture(
        names=names,
        shares={c: nine_digits(s) for c, s in shares.items()},
        agreement={
            c: [[nine_digits(p) for p in levels] for levels in agreement[c]] for c in agreement
        },
        by_value={
            c: [
                n
                for n in names
                if (c,) not in learnt_in[n]
                and not (c == "household" and columns.columns[n].kind == "date")
            ]
            for c in OTHERS
        },
        alike={
            n: [c for c in _ALIKE if columns.columns[n].kind in _ALIKE[c] and (c,) in learnt_in[n]]
            for n in names
        },
        origin=[n for n in names if columns.columns[n].kind == "source"],
        apart=[n for n in names if columns.columns[n].kind in _APART],
        household=[n for n in names if columns.columns[n].shared_by == "household"],
        given_names=[n for n in names if columns.columns[n].kind == "given_name"],
        area=[
            n
            for n in names
            if columns.columns[n].kind in _PLACE
            and columns.columns[n].shared_by == "many"
            and columns.columns[n].exactness != "loose"
        ],
    )


def sharing(
    mixture: Mixture, columns: IdentityColumns, name: str, pairs: ComparedPairs
) -> NDArray[np.float64]:
    """Return how likely each pair is of one person, or shares a column as a household does."""
    _, first, inverse = np.unique(codes_of(pairs.levels), return_index=True, return_inverse=True)
    patterns = pairs.levels[first]
    agreement = {c: [np.array(x) for x in mixture.agreement[c]] for c in (*SAME, *OTHERS)}
    likely = _responsibilities(patterns, mixture.shares, agreement)
    chosen = [(*SAME, *OTHERS).index(c) for c in _sharing(_learnt_in(columns, name))]
    return np.asarray(likely[:, chosen].sum(axis=1)[inverse])


def _patterns(levels: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return the distinct rows of levels and how often each occurs."""
    codes = codes_of(levels)
    order = np.argsort(codes)
    starts = np.flatnonzero(np.append(True, codes[order][1:] != codes[order][:-1]))
    return levels[order[starts]], np.diff(np.append(starts, len(order)))


def _classes(
    matches: dict[str, Any], chance: dict[str, Any], columns: IdentityColumns, names: list[str]
) -> dict[str, list[NDArray[np.float64]]]:
    """Return what to expect of each class, from the m of one and the u of other settings."""
    start: dict[str, list[NDArray[np.float64]]] = {c: [] for c in (*SAME, *OTHERS)}
    for c, d, name in zip(matches["comparisons"], chance["comparisons"], names, strict=True):
        m, u = level_shares(c, "m_probability"), level_shares(d, "u_probability")
        kind = columns.columns[name].kind
        groups = _learnt_in(columns, name)
        start["stayed"].append(m)
        start["moved"].append(m if SAME in groups else 0.1 * m + 0.9 * u)
        for other in OTHERS:
            degree = _AGREEMENT.get(other, {}).get(kind, 0.0) if (other,) in groups else 0.0
            mixed = degree * m + (1 - degree) * u
            if other in ("namesake", "local_namesake") and kind == "email":
                # Addresses made of one name are similar, not the same.
                mixed[-1] = u[-1]
            if other == "household" and kind == "date":
                mixed = (1 - TWINS) * u
                mixed[-1] += TWINS
            start[other].append(mixed / mixed.sum())
    return start


def _responsibilities(
    patterns: NDArray[np.int8],
    shares: dict[str, float],
    agreement: dict[str, list[NDArray[np.float64]]],
) -> NDArray[np.float64]:
    """Return how likely each pattern comes from each class."""
    logs = np.empty((len(patterns), len(shares)))
    for place, c in enumerate((*SAME, *OTHERS)):
        total = np.full(len(patterns), np.log(max(shares[c], _TINY)))
        for position, probabilities in enumerate(agreement[c]):
            # The last entry stands for a missing value, which says nothing.
            total += np.append(np.log(probabilities), 0.0)[patterns[:, position]]
        logs[:, place] = total
    logs -= logs.max(axis=1, keepdims=True)
    likely = np.exp(logs)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _of_two_people(patterns: NDArray[np.int8], contradicts: list[bool]) -> NDArray[np.bool_]:
    """Return which patterns differ in every column that contradicts, at least two of them."""
    levels = patterns[:, contradicts]
    return np.asarray((levels <= 0).all(axis=1) & ((levels == 0).sum(axis=1) >= 2))


def _update(
    agreement: dict[str, list[NDArray[np.float64]]],
    start: dict[str, list[NDArray[np.float64]]],
    weight: NDArray[np.float64],
    levels: NDArray[np.int8],
    counted: NDArray[np.bool_],
    position: int,
    group: tuple[str, ...],
) -> None:
    """Re-estimate one column in a group of classes, from the patterns that are counted."""
    belief = start[group[0]][position]
    mine = weight[:, [(*SAME, *OTHERS).index(c) for c in group]].sum(axis=1)
    counts = np.bincount(levels[counted], weights=mine[counted], minlength=len(belief))
    learnt = counts + BELIEF * belief
    for c in group:
        agreement[c][position] = np.maximum(learnt / learnt.sum(), _TINY)


def _of_one(
    weight: NDArray[np.float64],
    told: NDArray[np.bool_],
    groups: list[tuple[str, ...]],
    known: Known,
) -> float:
    """Return how many pairs share a value for a reason, from how likely those that agree do."""
    sharing = weight[:, [(*SAME, *OTHERS).index(c) for c in _sharing(groups)]].sum(axis=1)
    return of_one_person(weight.sum(axis=1), sharing, told, known.times)


def _update_chance(
    agreement: dict[str, list[NDArray[np.float64]]],
    start: dict[str, list[NDArray[np.float64]]],
    position: int,
    groups: list[tuple[str, ...]],
    known: Known,
    of_one: float,
) -> None:
    """Take those who share a value for a reason out of what strangers agree on by chance."""
    belief = start["stranger"][position]
    share = by_chance(min(belief[-1] * known.both, known.agreeing), of_one) / known.both
    chance = np.append(belief[:-1] * (1 - share) / (1 - belief[-1]), share)
    for c in OTHERS:
        if (c,) not in groups and np.array_equal(start[c][position], belief):
            agreement[c][position] = chance


def _sharing(groups: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the classes whose pairs share a value for a reason."""
    return (*SAME, "household") if ("household",) in groups else SAME


@dataclass(frozen=True)
class _Limit:
    """In one class, some levels of a column have no more than so much together."""

    name: str
    position: int
    levels: slice
    most: float


def _limits(settings: dict[str, Any], columns: IdentityColumns) -> list[_Limit]:
    """Return what makes a class what it is called, whatever there is more of in the data.

    Without it, one of two alike classes is learnt from the pairs of the other: a person from
    families that share a name and a home, a household from the neighbours of one street.
    """
    found = []
    for position, c in enumerate(settings["comparisons"]):
        column = columns.columns[c["output_column_name"]]
        same = level_count(c) - 1
        if column.contradicts:
            found += [_Limit(name, position, slice(1), MOST_DIFFERENT) for name in SAME]
        if column.kind == "address" and column.shared_by == "household":
            lower = slice(max(slip_levels(c)))
            found.append(_Limit("household", position, lower, MOST_ELSEWHERE))
        if column.kind == "postcode" and column.shared_by == "many":
            found.append(_Limit("household", position, slice(same - 1), MOST_ELSEWHERE))
        if column.kind == "family_name":
            found.append(_Limit("household", position, slice(1), MOST_OTHER_NAMES))
        if column.kind in ("email", "phone") and column.shared_by == "household":
            learnt = [c for c, kinds in _AGREEMENT.items() if column.kind in kinds]
            found += [_Limit(name, position, slice(same, None), MOST_SHARED) for name in learnt]
    return found


def _hold(agreement: dict[str, list[NDArray[np.float64]]], limits: list[_Limit]) -> None:
    """Keep the limits, the other levels taking what is too much."""
    for limit in limits:
        levels = agreement[limit.name][limit.position]
        much = float(levels[limit.levels].sum())
        if much > limit.most:
            held = levels * (1 - limit.most) / (1 - much)
            held[limit.levels] = levels[limit.levels] * limit.most / much
            agreement[limit.name][limit.position] = held
