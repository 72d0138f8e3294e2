"""Linking what is new: what an earlier linking by the same model found that still holds.

Belongs here: finding the nodes that have to be linked anew, and carrying the rest over. Does not
belong here: linking itself (``link`` links anew what this module names, by the same functions).

The outcome is the same as linking everything, pair for pair and bit for bit, because the model
fixes what a pair is worth. A node is the same when its columns and its first record are. Linked
anew is every component (of pairs that may tie) that holds

- a node of an exact group that has other members than before,
- a node that was tied to one of those, or to one that is gone,
- a node of a block that grew too large for pairs to be made of it, or shrank from it.

All other components consist of the same nodes, ties and evidence as before.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.identity import blocking
from cdp_pipeline.identity.blocking import BlockingRule, NodeKeys, Pairs, make_pairs
from cdp_pipeline.identity.equal import blocks_with
from cdp_pipeline.identity.exact import smallest_of_component
from cdp_pipeline.identity.work import EARLIER_NODES, Work, earlier_numbers, make_earlier_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns

    Tie = Callable[[Pairs], tuple[Pairs, NDArray[np.float64]]]

# With fewer nodes than this share as they were, linking everything is quicker.
LEAST_KNOWN = 0.5


@dataclass(frozen=True)
class Known:
    """What an earlier linking found that still holds, in today's node numbers.

    Attributes
    ----------
    anew
        Which nodes have to be linked anew, by their place among today's nodes.
    clusters
        Cluster of every other node by its number; -1 elsewhere.
    pairs, odds
        The scored pairs of the other nodes.
    """

    anew: NDArray[np.bool_]
    clusters: NDArray[np.int32]
    pairs: Pairs
    odds: NDArray[np.float64]


@dataclass(frozen=True)
class _Before:
    """An earlier linking, with its own node numbers."""

    nodes: NDArray[np.int32]
    groups: NDArray[np.int32]
    clusters: NDArray[np.int32]
    pairs: Pairs
    odds: NDArray[np.float64]


def has_earlier(con: duckdb.DuckDBPyConnection, version: str) -> bool:
    """Return whether the connection shows an earlier linking by this version of the model."""
    shown = con.sql(
        "select count(*) from information_schema.tables"
        " where table_schema = 'earlier' and table_name = 'linkage_model'"
    ).fetchall()
    if not shown[0][0]:
        return False
    found = con.sql("select model_version from earlier.linkage_model").fetchall()
    return bool(found == [(version,)])


def still_known(
    con: duckdb.DuckDBPyConnection,
    columns: IdentityColumns,
    work: Work,
    keys: NodeKeys,
    rules: list[BlockingRule],
    groups: NDArray[np.int32],
    needed: list[str],
    least: float,
    ties: Tie,
) -> Known | None:
    """Return what an earlier linking found that still holds; None where there is none to use.

    Reads ``earlier.standardised_records``, ``earlier.standardised_attributes``,
    ``earlier.record_pairs`` and ``earlier.linked_clusters``, which the same model made
    (`has_earlier`).

    Parameters
    ----------
    keys, rules
        Today's nodes, and the rules that bring candidates together.
    groups
        Exact group of each node by its number.
    needed
        The columns the model has learnt.
    least
        Odds from which a pair ties a component together.
    ties
        Gives of candidate pairs those that may tie a component together, and their odds.
    """
    numbers = earlier_numbers(con, columns, work.evidence, needed)
    if numbers is None:
        return None
    common, now, before = np.intersect1d(
        work.numbers.same_node, numbers.same_node, assume_unique=True, return_indices=True
    )
    if len(common) < LEAST_KNOWN * len(keys.nodes):
        return None
    found = _read(con, numbers.nodes)
    size, size_before = len(groups), len(found.groups)
    new_number = np.full(size_before, -1, dtype=np.int32)
    new_number[numbers.nodes[before]] = keys.nodes[now]
    old_number = np.full(size, -1, dtype=np.int32)
    old_number[keys.nodes[now]] = numbers.nodes[before]
    fresh = _in_other_groups(keys.nodes, groups, old_number, found)
    seeds = fresh.copy()
    left, right = new_number[found.pairs.left], new_number[found.pairs.right]
    tying = found.odds >= least
    is_lost = tying & ((left < 0) | (right < 0) | fresh[left] | fresh[right])
    for one, other in ((left, is_lost & (left >= 0)), (right, is_lost & (right >= 0))):
        seeds[one[other]] = True
    gone = np.setdiff1d(numbers.nodes, numbers.nodes[before], assume_unique=True)
    make_earlier_nodes(con, work.evidence, gone)
    seeds[_in_turned_blocks(con, keys, rules, old_number)] = True
    new_pairs, _ = ties(make_pairs(keys, rules, groups=groups, touching=fresh[keys.nodes]))
    there = (left >= 0) & (right >= 0)
    tied = there & tying
    label = smallest_of_component(
        size,
        np.concatenate((keys.nodes, left[tied], new_pairs.left)),
        np.concatenate((groups[keys.nodes], right[tied], new_pairs.right)),
    )
    touched = np.zeros(size, dtype=bool)
    touched[label[seeds]] = True
    anew = touched[label]
    keep = there & ~anew[left] & ~anew[right]
    known = keys.nodes[~anew[keys.nodes]]
    clusters = np.full(size, -1, dtype=np.int32)
    clusters[known] = new_number[found.clusters[old_number[known]]]
    if (clusters[known] < 0).any():
        return None
    return Known(anew[keys.nodes], clusters, Pairs(left[keep], right[keep]), found.odds[keep])


def _read(con: duckdb.DuckDBPyConnection, nodes: NDArray[np.int32]) -> _Before:
    """Read the earlier linking."""
    size = int(con.sql("select max(record_no) + 1 from earlier.linked_clusters").fetchall()[0][0])
    clusters = np.full(size, -1, dtype=np.int32)
    table = con.sql("select record_no, cluster_no from earlier.linked_clusters").to_arrow_table()
    clusters[table["record_no"].to_numpy()] = table["cluster_no"].to_numpy()
    table = con.sql(
        "select left_record_no, right_record_no, match_weight is null as is_exact,"
        " coalesce(match_weight, 0) as odds from earlier.record_pairs"
    ).to_arrow_table()
    left, right = table["left_record_no"].to_numpy(), table["right_record_no"].to_numpy()
    exact = table["is_exact"].to_numpy(zero_copy_only=False).astype(bool)
    return _Before(
        nodes,
        smallest_of_component(size, left[exact], right[exact]),
        clusters,
        Pairs(left[~exact], right[~exact]),
        table["odds"].to_numpy()[~exact],
    )


def _in_other_groups(
    nodes: NDArray[np.int32],
    groups: NDArray[np.int32],
    old_number: NDArray[np.int32],
    before: _Before,
) -> NDArray[np.bool_]:
    """Return, by node number, which nodes are new or in an exact group with other members."""
    size = len(groups)
    width = np.bincount(groups[nodes], minlength=size)
    width_before = np.bincount(before.groups[before.nodes], minlength=len(before.groups))
    old_group = np.where(old_number[nodes] >= 0, before.groups[old_number[nodes]], -1)
    lowest = np.full(size, np.iinfo(np.int32).max, dtype=np.int32)
    highest = np.full(size, -1, dtype=np.int32)
    np.minimum.at(lowest, groups[nodes], old_group)
    np.maximum.at(highest, groups[nodes], old_group)
    same = (lowest == highest) & (lowest >= 0)
    same[same] = width[same] == width_before[lowest[same]]
    fresh = np.zeros(size, dtype=bool)
    fresh[nodes] = ~same[groups[nodes]]
    return fresh


def _in_turned_blocks(
    con: duckdb.DuckDBPyConnection,
    keys: NodeKeys,
    rules: list[BlockingRule],
    old_number: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Return the nodes of blocks that became too large to make pairs of, or ceased to be."""
    gone = NodeKeys(con, EARLIER_NODES)
    keys.fetch(rules)
    gone.fetch(rules)
    is_new = old_number[keys.nodes] < 0
    with ThreadPoolExecutor(keys.threads) as pool:
        found = list(pool.map(partial(_turned, keys, gone, is_new), rules))
    return np.concatenate([np.zeros(0, dtype=np.int32), *found])


def _turned(
    keys: NodeKeys, gone: NodeKeys, is_new: NDArray[np.bool_], rule: BlockingRule
) -> NDArray[np.int32]:
    count = len(keys.nodes)
    both = np.concatenate((keys.of(rule), gone.of(rule)))
    changed = np.append(is_new, np.ones(len(gone.nodes), dtype=bool))
    order, ends = blocks_with(both, changed)
    if not len(order):
        return np.zeros(0, dtype=np.int32)
    starts, widths = ends[:-1], np.diff(ends)
    today = np.add.reduceat((order < count).astype(np.int64), starts)
    added = np.add.reduceat((changed[order] & (order < count)).astype(np.int64), starts)
    before = widths - added
    largest = blocking.LARGEST_BLOCK
    turned = np.repeat((today > largest) != (before > largest), widths)
    members = order[turned]
    return np.asarray(keys.nodes[members[members < count]])
