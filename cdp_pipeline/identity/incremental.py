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
from cdp_pipeline.identity.equal import blocks, equal_positions, perhaps_among
from cdp_pipeline.identity.exact import (
    Edges,
    ExactRule,
    agreeing_with,
    exact_edges,
    holding,
    smallest_of_component,
)
from cdp_pipeline.identity.score import names_of
from cdp_pipeline.identity.sql import rows
from cdp_pipeline.identity.work import EARLIER_NODES, earlier_numbers, make_earlier_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.model import LinkageModel
    from cdp_pipeline.identity.work import Evidence, Nodes, Numbers, Work

    Tie = Callable[[Pairs], tuple[Pairs, NDArray[np.float64]]]

# With fewer nodes than this share as they were, linking everything is quicker.
LEAST_KNOWN = 0.8


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
class Before:
    """An earlier linking as it was. Nodes are named by their numbers of then.

    Attributes
    ----------
    numbers
        Its records and nodes.
    groups, clusters
        Exact group and cluster of each node by its number.
    edges
        The exact ties.
    pairs, odds
        The scored pairs that were kept.
    """

    numbers: Numbers
    groups: NDArray[np.int32]
    clusters: NDArray[np.int32]
    edges: Edges
    pairs: Pairs
    odds: NDArray[np.float64]


@dataclass(frozen=True)
class Earlier:
    """An earlier linking beside today's nodes.

    Attributes
    ----------
    was
        The linking.
    new_number, old_number
        Today's number of each node that is as it was, by its number of then, and the other way
        round; -1 elsewhere.
    gone
        Its nodes that are not as they were.
    """

    was: Before
    new_number: NDArray[np.int32]
    old_number: NDArray[np.int32]
    gone: NDArray[np.int32]


def read_before(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    evidence: Sequence[Evidence],
    rules: list[ExactRule],
) -> Before | None:
    """Return an earlier linking by this version of a model, where the connection shows one.

    Reads the schema ``earlier``: ``linkage_model``, and ``standardised_records``,
    ``standardised_attributes``, ``record_pairs`` and ``linked_clusters`` of that day. None as well
    where it knew other columns, or the model has learnt nothing to score with.

    Parameters
    ----------
    evidence
        Today's columns.
    rules
        The exact rules.
    """
    if model.mixture is None or not _has_earlier(con, model.version):
        return None
    numbers = earlier_numbers(con, columns, evidence, names_of(model.settings))
    if numbers is None or not len(numbers.record_no):
        return None
    size = int(numbers.record_no[-1]) + 1
    clusters = np.full(size, -1, dtype=np.int32)
    table = con.sql("select record_no, cluster_no from earlier.linked_clusters").to_arrow_table()
    clusters[table["record_no"].to_numpy()] = table["cluster_no"].to_numpy()
    names = {rule.name: no for no, rule in enumerate(rules)}
    table = con.sql(
        "select left_record_no, right_record_no, match_weight is null as is_exact,"
        " coalesce(match_weight, 0) as odds, how from earlier.record_pairs"
    ).to_arrow_table()
    how = table["how"].combine_chunks().dictionary_encode()
    rule_of = np.array([names.get(h, -1) for h in how.dictionary.to_pylist()], dtype=np.int32)
    rule = rule_of[how.indices.to_numpy()]
    left, right = table["left_record_no"].to_numpy(), table["right_record_no"].to_numpy()
    exact = table["is_exact"].to_numpy(zero_copy_only=False).astype(bool)
    return Before(
        numbers=numbers,
        groups=smallest_of_component(size, left[exact], right[exact]),
        clusters=clusters,
        edges=Edges(left, right, rule).where(rule >= 0),
        pairs=Pairs(left[~exact], right[~exact]),
        odds=table["odds"].to_numpy()[~exact],
    )


def _has_earlier(con: duckdb.DuckDBPyConnection, version: str) -> bool:
    shown = rows(
        con,
        "select count(*) from information_schema.tables"
        " where table_schema = 'earlier' and table_name = 'linkage_model'",
    )
    if not shown[0][0]:
        return False
    return rows(con, "select model_version from earlier.linkage_model") == [(version,)]


def beside_today(before: Before, today: Numbers) -> Earlier | None:
    """Find what of an earlier linking is as it was.

    None where that is so little that linking everything is quicker, or where nodes that are the
    same stand in another order.
    """
    now, then = equal_positions(today.same_node, before.numbers.same_node)
    if not len(now) or len(now) < LEAST_KNOWN * len(today.first):
        return None
    nodes, its = today.nodes, before.numbers.nodes
    old_number = np.full(int(nodes[-1]) + 1, -1, dtype=np.int32)
    old_number[nodes[now]] = its[then]
    new_number = np.full(len(before.clusters), -1, dtype=np.int32)
    new_number[its[then]] = nodes[now]
    if (np.diff(old_number[old_number >= 0]) < 0).any():
        return None
    gone = its[new_number[its] < 0]
    return Earlier(before, new_number, old_number, gone)


def edges_of(
    con: duckdb.DuckDBPyConnection,
    earlier: Earlier,
    gone: NodeKeys,
    work: Work,
    rules: list[ExactRule],
    keys: NodeKeys,
    nodes: Nodes,
) -> Edges:
    """Return all exact edges: today's around what has changed, and the others as they were.

    An edge follows from the nodes that agree with one of its ends. Where none of those is new or
    gone, and no value of theirs became shared or ceased to be, the edge is as it was.

    Parameters
    ----------
    gone
        The keys of the nodes that are gone.
    """
    changed = earlier.old_number[keys.nodes] < 0
    changed[_with_turned_values(con, keys, rules)] = True
    touched = agreeing_with(keys, rules, changed, gone)
    around = exact_edges(con, work, rules, keys, nodes, touched)
    is_touched = np.zeros(len(earlier.old_number), dtype=bool)
    is_touched[keys.nodes[touched]] = True
    around = around.where(is_touched[around.left] | is_touched[around.right])
    left = earlier.new_number[earlier.was.edges.left]
    right = earlier.new_number[earlier.was.edges.right]
    same = (left >= 0) & (right >= 0) & ~is_touched[left] & ~is_touched[right]
    return Edges(
        np.concatenate((left[same], around.left)),
        np.concatenate((right[same], around.right)),
        np.concatenate((earlier.was.edges.rule[same], around.rule)),
    )


def _with_turned_values(
    con: duckdb.DuckDBPyConnection, keys: NodeKeys, rules: list[ExactRule]
) -> NDArray[np.int64]:
    """Return the places of nodes whose value became shared by too many, or ceased to be."""
    now, then = (
        f"select identity_column, value from {schema}.shared_identifiers"
        for schema in ("identity", "earlier")
    )
    turned_values = f"({now} except {then}) union all ({then} except {now})"
    turned = {name for name, _ in rows(con, turned_values)}
    found = [
        holding(
            con,
            keys,
            column,
            f"select value from ({turned_values}) where identity_column = '{column}'",
        )
        for column in sorted(turned & {column for rule in rules for column in rule.columns})
    ]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def keys_of_gone(con: duckdb.DuckDBPyConnection, earlier: Earlier, work: Work) -> NodeKeys:
    """Return the keys of the nodes that are gone."""
    make_earlier_nodes(con, work.evidence, earlier.gone)
    return NodeKeys(con, EARLIER_NODES)


def still_known(
    earlier: Earlier,
    gone: NodeKeys,
    keys: NodeKeys,
    rules: list[BlockingRule],
    groups: NDArray[np.int32],
    least: float,
    ties: Tie,
) -> Known | None:
    """Return what an earlier linking found that still holds; None where that cannot be told.

    Parameters
    ----------
    gone, keys
        The keys of the nodes that are gone, and of today's.
    rules
        The rules that bring candidates together.
    groups
        Exact group of each node by its number.
    least
        Odds from which a pair ties a component together.
    ties
        Gives of candidate pairs those that may tie a component together, and their odds.
    """
    size = len(groups)
    new_number, old_number = earlier.new_number, earlier.old_number
    fresh = _in_other_groups(keys.nodes, groups, earlier)
    seeds = fresh.copy()
    left, right = new_number[earlier.was.pairs.left], new_number[earlier.was.pairs.right]
    tying = earlier.was.odds >= least
    is_lost = tying & ((left < 0) | (right < 0) | fresh[left] | fresh[right])
    for one, other in ((left, is_lost & (left >= 0)), (right, is_lost & (right >= 0))):
        seeds[one[other]] = True
    seeds[_in_turned_blocks(keys, gone, rules, old_number)] = True
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
    clusters[known] = new_number[earlier.was.clusters[old_number[known]]]
    if (clusters[known] < 0).any():
        return None
    return Known(anew[keys.nodes], clusters, Pairs(left[keep], right[keep]), earlier.was.odds[keep])


def _in_other_groups(
    nodes: NDArray[np.int32], groups: NDArray[np.int32], earlier: Earlier
) -> NDArray[np.bool_]:
    """Return, by node number, which nodes are new or in an exact group with other members."""
    size, old_number = len(groups), earlier.old_number
    width = np.bincount(groups[nodes], minlength=size)
    groups_before = earlier.was.groups
    width_before = np.bincount(
        groups_before[earlier.was.numbers.nodes], minlength=len(groups_before)
    )
    old_group = np.where(old_number[nodes] >= 0, groups_before[old_number[nodes]], -1)
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
    keys: NodeKeys,
    gone: NodeKeys,
    rules: list[BlockingRule],
    old_number: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Return the nodes of blocks that became too large to make pairs of, or ceased to be."""
    keys.fetch(rules)
    gone.fetch(rules)
    is_new = old_number[keys.nodes] < 0
    with ThreadPoolExecutor(keys.threads) as pool:
        found = list(pool.map(partial(_turned, keys, gone, is_new), rules))
    return np.concatenate([np.zeros(0, dtype=np.int32), *found])


def _turned(
    keys: NodeKeys, gone: NodeKeys, is_new: NDArray[np.bool_], rule: BlockingRule
) -> NDArray[np.int32]:
    today, its = keys.of(rule), gone.of(rule)
    some = perhaps_among(today, np.concatenate((today[is_new], its)))
    both = np.concatenate((today[some], its))
    order, ends = blocks(both)
    if not len(order):
        return np.zeros(0, dtype=np.int32)
    starts, widths = ends[:-1], np.diff(ends)
    is_today = order < len(some)
    is_added = is_today & np.append(is_new[some], np.zeros(len(its), dtype=bool))[order]
    now = np.add.reduceat(is_today.astype(np.int64), starts)
    before = widths - np.add.reduceat(is_added.astype(np.int64), starts)
    largest = blocking.LARGEST_BLOCK
    turned = np.repeat((now > largest) != (before > largest), widths)
    return np.asarray(keys.nodes[some[order[turned & is_today]]])
