"""What a linking found, as tables: the pairs it kept, and the cluster of each record.

Belongs here: saying of each pair and record how it came to be where it is. Does not belong here:
any decision about who is who (``link``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.identity.sql import shown
from cdp_pipeline.identity.work import RECORD_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.blocking import Pairs
    from cdp_pipeline.identity.exact import Edges, ExactRule
    from cdp_pipeline.identity.work import Numbers

# Pairs less likely than this are not kept.
LEAST_PROBABILITY = 0.01
# How a record came into its cluster, beside the exact rules.
_SINGLE, _SCORED, _SAME = "single", "scored", "same in every column"


@dataclass(frozen=True)
class Linked:
    """The outcome: cluster by node, scored pairs of nodes, and how many nodes were linked anew."""

    clusters: NDArray[np.int32]
    pairs: Pairs
    odds: NDArray[np.float64]
    anew: int


def tables_of(
    con: duckdb.DuckDBPyConnection,
    numbers: Numbers,
    rules: Sequence[ExactRule],
    edges: Edges,
    linked: Linked,
) -> dict[str, str]:
    """Return ``identity.record_pairs`` and ``identity.record_clusters`` as SQL over temp tables.

    Parameters
    ----------
    numbers
        The node of each record.
    rules, edges
        The exact rules, and the nodes they tie: each pair once.
    linked
        What came of them and of the scored pairs.
    """
    hows = [*(rule.name for rule in rules), _SAME, _SCORED, _SINGLE]
    _keep(con, "identity_hows", {"how_no": np.arange(len(hows), dtype=np.int32), "how": hows})
    left, right = linked.pairs.left, linked.pairs.right
    together = linked.clusters[left] == linked.clusters[right]
    # Far out a power of two is no number any more, and the probability the same.
    probability = 1 / (1 + np.exp2(-np.clip(linked.odds, -60, 60)))
    kept = (probability >= LEAST_PROBABILITY) | together
    probability = np.round(probability, 6)
    scored = {
        "left_record_no": left[kept],
        "right_record_no": right[kept],
        "match_weight": linked.odds[kept],
        "probability": probability[kept],
    }
    ties = {"left_record_no": edges.left, "right_record_no": edges.right, "how_no": edges.rule}
    _keep(con, "identity_scored_pairs", scored)
    _keep(con, "identity_exact_ties", ties)
    support = np.zeros(len(linked.clusters))
    for side in (left, right):
        np.maximum.at(support, side[together], probability[together])
    _keep(con, "identity_outcome", _clusters(numbers, len(rules), edges, linked, support))
    return {"identity.record_pairs": _RECORD_PAIRS, "identity.record_clusters": _RECORD_CLUSTERS}


def _clusters(
    numbers: Numbers, rules: int, edges: Edges, linked: Linked, support: NDArray[np.float64]
) -> dict[str, NDArray[np.generic]]:
    """Return the cluster of each record, how it came there and how likely that is right.

    ``support`` is the best probability of a pair that ties a node to another of its cluster, zero
    where there is none.
    """
    node, cluster = numbers.node_of, linked.clusters[numbers.node_of]
    strongest = np.full(len(linked.clusters), rules, dtype=np.int32)
    for side in (edges.left, edges.right):
        np.minimum.at(strongest, side, edges.rule)
    how = strongest[node]
    has_copy = np.bincount(node)[node] > 1
    # The places of how, in tables_of: the rules, then these.
    how[(how == rules) & ~has_copy] = rules + 1
    how[np.bincount(cluster)[cluster] == 1] = rules + 2
    likely = np.where(support[node] > 0, support[node], 0.5)
    return {
        "record_no": numbers.record_no,
        "cluster_no": cluster,
        "how_no": how,
        "probability": np.where(how == rules + 1, likely, 1.0),
    }


def _keep(con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Any]) -> None:
    with shown(con, "identity_kept", columns):
        con.execute(f"create or replace temp table {table} as from identity_kept")


_RECORD_PAIRS = f"""
select left_record_no, right_record_no, '{_SCORED}' as how, match_weight, probability
from identity_scored_pairs
union all
select left_record_no, right_record_no, hows.how, null, 1.0
from identity_exact_ties inner join identity_hows as hows using (how_no)
union all
select node_no, record_no, '{_SAME}', null, 1.0
from {RECORD_NODES} where node_no <> record_no"""

_RECORD_CLUSTERS = """
select record_no, cluster_no, hows.how, probability
from identity_outcome inner join identity_hows as hows using (how_no)"""
