"""Chance agreement: how often strangers share a value, the records of one person left out.

Belongs here: the share of each value's agreeing pairs that are of one person, taken out of what
agreement by chance is worth, and which pairs can show it. Does not belong here: counting values
(``score``), who a pair is (``mixture``).

The pairs of records that share an e-mail address are nearly all of one person. Counted as chance
they say that among a thousand records every thousandth stranger has one's own address, and the
smaller the data, the less any agreement would be worth. Where records hold nothing but that address
(a mailing list beside a customer register), agreement by itself looks the same for one person and
for chance: what chance is worth is then learnt from the records that hold more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.identity.blocking import LARGEST_BLOCK, NodeKeys, sample_of
from cdp_pipeline.identity.equal import blocks
from cdp_pipeline.identity.score import (
    RARE,
    ComparedPairs,
    codes_of,
    level_count,
    names_of,
    nine_digits,
)
from cdp_pipeline.identity.sql import rows
from cdp_pipeline.identity.work import NODES

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns

# So many pairs are believed to agree by chance before any is seen.
BELIEF_IN_CHANCE = 5.0
# About so many agreeing pairs of a column are looked at.
AGREEING_PAIRS = 200_000


def telling(columns: IdentityColumns, names: list[str]) -> list[bool]:
    """Return which columns say who somebody is: all but those that say where a record is from."""
    return [columns.columns[name].kind != "source" for name in names]


def holding_more(levels: NDArray[np.int8], tells: list[bool]) -> NDArray[np.bool_]:
    """Return per pair and column whether both records hold another one that says who they are.

    Pairs that hold nothing else are there because they agree in it: they cannot show how often
    other people do.
    """
    held = (levels >= 0) & np.array(tells)
    return np.asarray(held.sum(axis=1, keepdims=True) - held > 0)


def by_chance(agreeing: float, of_one: float) -> float:
    """Return how many of some agreeing pairs are thought to agree by chance."""
    return max(min(agreeing, agreeing - of_one + BELIEF_IN_CHANCE), min(agreeing, 1.0))


def of_one_person(
    weights: NDArray[np.float64],
    sharing: NDArray[np.float64],
    told: NDArray[np.bool_],
    times: float,
) -> float:
    """Return how many agreeing pairs are of one person, or of those who share the value.

    Pairs that hold nothing beside the value do not show it. That two records of strangers have it
    is no likelier for them than for those that hold something else.

    Parameters
    ----------
    weights
        How many pairs each one stands for.
    sharing
        How many of them are thought to be of one person.
    told
        Which hold something else.
    times
        How many pairs hold a value, agreeing or not, for each that holds something else too.
    """
    strangers = weights - sharing
    return float(weights.sum()) - min(float(strangers.sum()), float(strangers[told].sum()) * times)


@dataclass(frozen=True)
class Known:
    """In how many pairs both records have a value of a column.

    Attributes
    ----------
    both
        All of them.
    telling
        Those in which both have a value of another column too.
    agreeing
        How many of them may agree for a reason: in a column that a person or a household has, a
        value of hundreds of records is nobody's.
    nobodys
        The nodes with such a value, by number.
    """

    both: float
    telling: float
    agreeing: float
    nobodys: NDArray[np.int32]

    @property
    def times(self) -> float:
        """How many pairs there are for each of those in which another column is known too."""
        return self.both / max(self.telling, 1.0)


def known_pairs(
    keys: NodeKeys, columns: IdentityColumns, names: list[str], one_in: int
) -> dict[str, Known]:
    """Return per column in how many pairs both nodes have it, and in how many another one too."""
    sample = sample_of(keys)
    held = np.array([sample.single(name) != 0 for name in names])
    alone = _alone(held, telling(columns, names))
    shares = alone / np.maximum(held.sum(axis=1).astype(float) ** 2, 1.0)
    holders = [int(np.count_nonzero(keys.single(name))) for name in names]
    both = [max(n * (n - 1) / 2, 1.0) / one_in for n in holders]
    known = {}
    for name, pairs, share in zip(names, both, shares, strict=True):
        agreeing, nobodys = math.inf, np.zeros(0, dtype=np.int32)
        if columns.columns[name].shared_by != "many":
            order, ends = blocks(keys.single(name))
            widths = np.diff(ends)
            few = widths[widths <= LARGEST_BLOCK].astype(float)
            # That nobody shares a value yet does not make it impossible.
            agreeing = max(float((few * (few - 1) / 2).sum()) / one_in, 1.0)
            nobodys = keys.nodes[order[np.repeat(widths > LARGEST_BLOCK, widths)]]
        known[name] = Known(pairs, pairs * float(1 - share), agreeing, nobodys)
    return known


def without_nobodys(
    pairs: ComparedPairs, settings: dict[str, Any], known: dict[str, Known]
) -> ComparedPairs:
    """Return pairs as if what agrees in a value of hundreds of records were missing there.

    Learning looks at levels and not at values: it would take such agreement for that of a person.
    """
    levels = pairs.levels.copy()
    for position, c in enumerate(settings["comparisons"]):
        nobodys = known[c["output_column_name"]].nobodys
        same = np.flatnonzero(levels[:, position] == level_count(c) - 1)
        levels[same[np.isin(pairs.left[same], nobodys)], position] = -1
    return ComparedPairs(pairs.left, pairs.right, levels)


def _alone(held: NDArray[np.bool_], tells: list[bool]) -> NDArray[np.float64]:
    """Return per column how many pairs of records, each twice, have it and no other in common.

    Parameters
    ----------
    held
        One row per column: which records have it.
    tells
        Which columns say who somebody is.
    """
    codes = codes_of(held.T.astype(np.int8))
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    kinds = held[:, first] & np.array(tells)[:, None]
    alone = np.zeros(len(held))
    for kind, count in zip(kinds.T, counts.astype(float), strict=True):
        common = kinds & kind[:, None]
        single = common.sum(axis=0) == 1
        alone += count * (common[:, single] @ counts[single])
    return alone


def frequencies_of_strangers(
    con: duckdb.DuckDBPyConnection,
    frequencies: dict[str, dict[str, Any]],
    node_frequencies: dict[str, NDArray[np.float64]],
    settings: dict[str, Any],
    columns: IdentityColumns,
    pairs: ComparedPairs,
    one_in: int,
    sharing: Callable[[str, ComparedPairs], NDArray[np.float64]],
    known: dict[str, Known],
) -> dict[str, dict[str, Any]]:
    """Return how likely a stranger is to hold each value, from the share of records that do.

    Values that are held by about as many records are judged together.

    Parameters
    ----------
    frequencies, node_frequencies
        The share of nodes that hold each value, by value and (log2) by node.
    pairs
        Candidate pairs; one in so many of all.
    sharing
        How likely pairs that agree in a column are of one person, or of those who share it.
    known
        Per column, in how many pairs both records have a value.
    """
    names = names_of(settings)
    found = {}
    for name, learnt in frequencies.items():
        position = names.index(name)
        same = level_count(settings["comparisons"][position]) - 1
        agreeing = np.flatnonzero(pairs.levels[:, position] == same)
        step = max(1, round(len(agreeing) / AGREEING_PAIRS))
        some = pairs.where(agreeing[::step])
        bands = _bands(node_frequencies[name][some.left], learnt["rest"])
        told = holding_more(some.levels, telling(columns, names))[:, position]
        weights = np.full(len(some), float(one_in * step))
        likely = weights * sharing(name, some)
        of_one = {
            int(band): of_one_person(weights[here], likely[here], told[here], known[name].times)
            for band in np.unique(bands)
            for here in [bands == band]
        }
        found[name] = _of_strangers(con, name, learnt, of_one)
    return found


def _by_band(bands: NDArray[np.int64], weights: NDArray[np.float64]) -> dict[int, float]:
    distinct, place = np.unique(bands, return_inverse=True)
    sums = np.bincount(place, weights=weights, minlength=len(distinct))
    return {int(band): float(total) for band, total in zip(distinct, sums, strict=True)}


def _of_strangers(
    con: duckdb.DuckDBPyConnection, name: str, learnt: dict[str, Any], of_one: dict[int, float]
) -> dict[str, Any]:
    """Return the frequencies of one column without the agreeing pairs of one person, by band."""
    total, rare, rare_pairs = (
        float(x)
        for x in rows(
            con,
            f"""select coalesce(sum(n), 0), coalesce(sum(n) filter (n < {RARE}), 0),
                coalesce(sum(n * (n - 1) // 2) filter (n < {RARE}), 0)
            from (select count(*) as n from {NODES} where {name} is not null group by {name})""",
        )[0]
    )
    rest = learnt["rest"]
    if rare:
        by_others = max(by_chance(rare_pairs, of_one.get(0, 0.0)), 1.0)
        rest = min(rest, 2 * by_others / (rare * total))
    shares = np.array(list(learnt["values"].values()), dtype=np.float64)
    counts = shares * total
    bands = _bands(np.log2(shares), learnt["rest"])
    for band, agree in _by_band(bands, counts * (counts - 1) / 2).items():
        here = bands == band
        kept = by_chance(agree, of_one.get(band, 0.0)) / agree
        shares[here] *= (counts[here] - 1) / counts[here] * kept
    return {
        "rest": nine_digits(rest),
        "values": {
            value: nine_digits(max(float(share), rest))
            for value, share in zip(learnt["values"], shares, strict=True)
        },
    }


def _bands(log2_shares: NDArray[np.float64], rest: float) -> NDArray[np.int64]:
    """Return a number for values of about one frequency: 0 for the rare ones."""
    rare = np.isclose(log2_shares, np.log2(rest), atol=1e-9)
    return np.where(rare, 0, np.floor(log2_shares).astype(np.int64))
