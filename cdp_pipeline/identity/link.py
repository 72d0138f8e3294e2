"""Linking: a trained model applied to the records.

Belongs here: the order of the steps, from exact groups over scored pairs to clusters. Does not
belong here: learning (``train``), ids that outlive a run (``ids``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.blocking import NodeKeys, Pairs, make_pairs
from cdp_pipeline.identity.cluster import STRONGEST, Ties, components, linked_clusters
from cdp_pipeline.identity.exact import (
    EXACT_EDGES,
    ExactRule,
    exact_groups,
    make_exact_edges,
)
from cdp_pipeline.identity.fit import model_fit, rules_of
from cdp_pipeline.identity.incremental import has_earlier, still_known
from cdp_pipeline.identity.mixture import parts_of
from cdp_pipeline.identity.score import (
    ComparedPairs,
    joined_pairs,
    log2_odds,
    names_of,
)
from cdp_pipeline.identity.scorer import Scorer, odds_of
from cdp_pipeline.identity.work import RECORD_NODES, Evidence, Work, prepare_work

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.mixture import Mixture
    from cdp_pipeline.identity.model import LinkageModel

# One row with how many distinct records there are, and how many of them were linked anew.
LINKED_ANEW = "identity_linked_anew"
# Pairs this far (log2) under the threshold still tie a component together before linkage.
COMPONENT_SLACK = 2.0
# A difference in a column that so few matches show contradicts that two clusters are one.
HARDLY_EVER = 0.02
# Pairs less likely than this are not kept.
LEAST_PROBABILITY = 0.01


@dataclass(frozen=True)
class Linked:
    """The outcome: cluster by node, scored pairs of nodes, and how many nodes were linked anew."""

    clusters: NDArray[np.int32]
    pairs: Pairs
    odds: NDArray[np.float64]
    anew: int


def link(
    con: duckdb.DuckDBPyConnection, model: LinkageModel, columns: IdentityColumns
) -> dict[str, str]:
    """Link the records.

    Reads ``identity.standardised_records``, ``identity.standardised_attributes`` and
    ``identity.shared_identifiers``. Where the connection has the schema ``earlier`` with what this
    model made of other records (see ``incremental``), only what is touched by the difference is
    linked anew; the outcome is the same.

    Returns
    -------
    dict
        ``identity.record_pairs`` (the pairs that were scored and are not out of the question, and
        the exact ties), ``identity.record_clusters`` (one row per record), and how the model fits
        today's data (see `model_fit`).
    """
    work = prepare_work(con, columns, names_of(model.settings))
    rules = [ExactRule(tuple(c)) for c in model.exact]
    keys = NodeKeys(con)
    make_exact_edges(con, work, rules, "identity.shared_identifiers", keys)
    groups = exact_groups(con, int(keys.nodes.max(initial=-1)) + 1)
    linked = _link_nodes(con, model, columns, groups, work, keys)
    con.execute(
        f"create or replace temp table {LINKED_ANEW} as"
        f" select {linked.anew} as linked_anew, {len(keys.nodes)} as nodes"
    )
    return _tables(con, rules, linked, groups) | model_fit(con, model, keys)


def _link_nodes(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    groups: NDArray[np.int32],
    work: Work,
    keys: NodeKeys,
) -> Linked:
    """Link what is new, and carry over what is known of the rest."""
    if model.mixture is None:
        return _exact_only(groups)
    scorer, rules = Scorer(con, model), rules_of(model)
    least = model.threshold - COMPONENT_SLACK

    def ties(candidates: Pairs) -> tuple[Pairs, NDArray[np.float64]]:
        pairs, parts = scorer.scored(candidates, least)
        odds = odds_of(parts, model.prior)
        near = odds >= least
        return Pairs(pairs.left[near], pairs.right[near]), odds[near]

    known = None
    if has_earlier(con, model.version):
        needed = names_of(model.settings)
        known = still_known(con, columns, work, keys, rules, groups, needed, least, ties)
    if known is None:
        candidates = make_pairs(keys, rules, groups=groups)
        return _link_candidates(scorer, model, candidates, groups, work, keys)
    candidates = make_pairs(keys, rules, groups=groups, touching=known.anew)
    linked = _link_candidates(scorer, model, candidates, groups, work, keys)
    pairs = Pairs(
        np.concatenate((linked.pairs.left, known.pairs.left)),
        np.concatenate((linked.pairs.right, known.pairs.right)),
    )
    clusters = np.where(known.clusters < 0, linked.clusters, known.clusters)
    odds = np.concatenate((linked.odds, known.odds))
    return Linked(clusters, pairs, odds, int(known.anew.sum()))


def _link_candidates(
    scorer: Scorer,
    model: LinkageModel,
    candidates: Pairs,
    groups: NDArray[np.int32],
    work: Work,
    keys: NodeKeys,
) -> Linked:
    """Score candidates between groups, complete the components they tie together, and cluster."""
    assert model.mixture is not None
    tying, notable = model.threshold - COMPONENT_SLACK, log2_odds(LEAST_PROBABILITY)
    pairs, parts = scorer.scored(candidates, min(tying, notable))
    odds = odds_of(parts, model.prior)
    near = odds >= tying
    label = _components(groups, pairs.where(near), odds[near], model.threshold)
    inside = label[pairs.left] == label[pairs.right]
    # Not joined, and not out of the question: what the linking may have missed.
    doubtful = ~inside & (odds >= notable)
    apart, odds_apart = pairs.where(doubtful), odds[doubtful]
    pairs, parts = pairs.where(inside), parts[inside]
    extra, extra_parts = scorer.scored(_missing_pairs(groups, label, pairs))
    pairs = joined_pairs([pairs, extra])
    parts = np.concatenate((parts, extra_parts))
    order = np.lexsort((pairs.right, pairs.left))
    pairs, parts = pairs.where(order), parts[order]
    names = names_of(model.settings)
    evidence = [e for e in work.evidence if e.name in names]
    once = [names.index(e.name) for e in evidence if _is_issued_once(e)]
    own = [names.index(e.name) for e in evidence if _contradicts(e, model.mixture)]
    forbidden = (pairs.levels[:, once] == 0).any(axis=1)
    group_ties = _ties_of_groups(groups, pairs, parts, forbidden, pairs.levels[:, own] == 0)
    holders = _holders(groups, keys, [names[i] for i in own])
    one = {e.name for e in work.evidence if e.column.per_person == "one"}
    personal = [
        place
        for place, group in enumerate(parts_of(model.mixture))
        if names[group[0]] in model.mixture.apart and names[group[0]] in one
    ]
    clusters = _cluster(groups, label, group_ties, holders, personal, model)
    every = Pairs(
        np.concatenate((pairs.left, apart.left)), np.concatenate((pairs.right, apart.right))
    )
    odds = np.concatenate((odds_of(parts, model.prior), odds_apart))
    return Linked(clusters, every, odds, len(keys.nodes))


def _is_issued_once(evidence: Evidence) -> bool:
    """Return whether one difference in a column proves two people: a number for life, issued."""
    return evidence.column.per_person == "one" and evidence.column.exactness == "exact"


def _contradicts(evidence: Evidence, mixture: Mixture) -> bool:
    """Return whether a declared column contradicts: the data say matches hardly ever differ."""
    matches = mixture.of_matches(mixture.names.index(evidence.name))
    return evidence.column.contradicts and matches[0] <= HARDLY_EVER


def _holders(groups: NDArray[np.int32], keys: NodeKeys, names: list[str]) -> NDArray[np.int32]:
    """Return how many nodes of each group hold a value in each column."""
    counts = np.zeros((len(groups), len(names)), dtype=np.int32)
    for place, name in enumerate(names):
        holding = keys.nodes[keys.single(name) != 0]
        counts[:, place] = np.bincount(groups[holding], minlength=len(groups))
    return counts


def _exact_only(groups: NDArray[np.int32]) -> Linked:
    """Return the exact groups as they are: there is nothing to score with."""
    nothing = np.zeros(0, dtype=np.int32)
    return Linked(groups, Pairs(nothing, nothing), np.zeros(0), 0)


def _components(
    groups: NDArray[np.int32], pairs: ComparedPairs, odds: NDArray[np.float64], threshold: float
) -> NDArray[np.int32]:
    """Return the component of each node; exact groups are never taken apart."""
    left, right = groups[pairs.left], groups[pairs.right]
    label = components(len(groups), left, right, odds, threshold - COMPONENT_SLACK)
    return label[groups]


def _missing_pairs(
    groups: NDArray[np.int32], label: NDArray[np.int32], pairs: ComparedPairs
) -> Pairs:
    """Return the pairs inside components, across groups, that no blocking rule brought."""
    size = len(label)
    counts = np.bincount(label, minlength=size)
    order = np.lexsort((np.arange(size), label))
    lefts, rights = [], []
    begin = np.concatenate(([0], np.cumsum(counts)))[:-1]
    for width in np.unique(counts[counts > 1]):
        members = np.flatnonzero(counts == width)
        items = order[begin[members][:, None] + np.arange(width)[None, :]]
        row, column = np.triu_indices(int(width), 1)
        lefts.append(items[:, row].ravel())
        rights.append(items[:, column].ravel())
    if not lefts:
        return Pairs(np.zeros(0, np.int32), np.zeros(0, np.int32))
    left, right = np.concatenate(lefts), np.concatenate(rights)
    across = groups[left] != groups[right]
    left, right = left[across], right[across]
    known = pairs.left.astype(np.int64) * size + pairs.right
    fresh = ~np.isin(left.astype(np.int64) * size + right, known)
    return Pairs(left[fresh].astype(np.int32), right[fresh].astype(np.int32))


def _cluster(
    groups: NDArray[np.int32],
    label: NDArray[np.int32],
    ties: Ties,
    holders: NDArray[np.int32],
    personal: list[int],
    model: LinkageModel,
) -> NDArray[np.int32]:
    """Join exact groups by the evidence between their nodes; return each node's cluster."""
    size = len(groups)
    own = np.arange(size, dtype=np.int32)
    # A group's first node stands for it; the other nodes are components of their own.
    component = np.where(groups == own, label, own)
    smallest = np.full(size, size, dtype=np.int32)
    np.minimum.at(smallest, component, own)
    clusters = linked_clusters(
        smallest[component], ties, holders, personal, log2_odds(model.prior), model.threshold
    )
    return clusters[groups]


def _ties_of_groups(
    groups: NDArray[np.int32],
    pairs: ComparedPairs,
    parts: NDArray[np.float64],
    forbidden: NDArray[np.bool_],
    differs: NDArray[np.bool_],
) -> Ties:
    """Sum the evidence of pairs of nodes into pairs of groups."""
    size = len(groups)
    one, other = groups[pairs.left].astype(np.int64), groups[pairs.right].astype(np.int64)
    key, inverse = np.unique(
        np.minimum(one, other) * size + np.maximum(one, other), return_inverse=True
    )
    sums = np.empty((len(key), parts.shape[1]))
    best = np.zeros(sums.shape)
    informed = np.empty(sums.shape, dtype=np.int32)
    for part in range(parts.shape[1]):
        known = ~np.isnan(parts[:, part])
        values = np.clip(parts[known, part], -STRONGEST, STRONGEST)
        sums[:, part] = np.bincount(inverse[known], weights=values, minlength=len(key))
        highest = np.full(len(key), -np.inf)
        np.maximum.at(highest, inverse[known], values)
        best[:, part] = np.where(np.isinf(highest), 0.0, highest)
        informed[:, part] = np.bincount(inverse[known], minlength=len(key))
    differ = np.empty((len(key), differs.shape[1]), dtype=np.int32)
    for column in range(differs.shape[1]):
        differ[:, column] = np.bincount(inverse[differs[:, column]], minlength=len(key))
    return Ties(
        left=(key // max(size, 1)).astype(np.int32),
        right=(key % max(size, 1)).astype(np.int32),
        evidence=np.asarray(np.round(sums * 1e6) / 1e6),
        best=best,
        informed=informed,
        forbidden=np.bincount(inverse[forbidden], minlength=len(key)) > 0,
        differ=differ,
    )


def _tables(
    con: duckdb.DuckDBPyConnection,
    rules: list[ExactRule],
    linked: Linked,
    groups: NDArray[np.int32],
) -> dict[str, str]:
    """Return the two tables as statements over temp tables."""
    size = len(linked.clusters)
    con.execute("drop table if exists identity_node_clusters")
    con.register(
        "identity_outcome",
        pa.table(
            {
                "node_no": np.arange(size, dtype=np.int32),
                "cluster_no": linked.clusters,
                "group_no": groups,
            }
        ),
    )
    con.execute("create temp table identity_node_clusters as select * from identity_outcome")
    con.unregister("identity_outcome")
    probability = 1 / (1 + np.exp2(-np.clip(linked.odds, -60, 60)))
    keep = (probability >= LEAST_PROBABILITY) | (
        linked.clusters[linked.pairs.left] == linked.clusters[linked.pairs.right]
    )
    con.register(
        "identity_outcome",
        pa.table(
            {
                "left_no": linked.pairs.left[keep],
                "right_no": linked.pairs.right[keep],
                "match_weight": linked.odds[keep],
                "probability": np.round(probability[keep], 6),
            }
        ),
    )
    con.execute(
        "create or replace temp table identity_node_pairs as select * from identity_outcome"
    )
    con.unregister("identity_outcome")
    con.register(
        "identity_outcome",
        pa.table({"rule_no": list(range(len(rules))), "how": [r.name for r in rules]})
        if rules
        else pa.table({"rule_no": pa.array([], pa.int64()), "how": pa.array([], pa.string())}),
    )
    con.execute(
        "create or replace temp table identity_rule_names as select * from identity_outcome"
    )
    con.unregister("identity_outcome")
    return {"identity.record_pairs": _RECORD_PAIRS, "identity.record_clusters": _RECORD_CLUSTERS}


_RECORD_PAIRS = f"""
select left_no as left_record_no, right_no as right_record_no, 'scored' as how,
    match_weight, probability
from identity_node_pairs
union all
select left_no, right_no, names.how, null, 1.0
from {EXACT_EDGES} inner join identity_rule_names as names using (rule_no)
union all
select node_no, record_no, 'same in every column', null, 1.0
from {RECORD_NODES} where node_no <> record_no"""

_RECORD_CLUSTERS = f"""
with tied as (
    select node_no, min(rule_no) as rule_no from (
        select left_no as node_no, rule_no from {EXACT_EDGES}
        union all select right_no, rule_no from {EXACT_EDGES}
    ) group by node_no
),
support as (
    select node_no, max(probability) as probability from (
        select left_no as node_no, right_no as other_no, probability from identity_node_pairs
        union all select right_no, left_no, probability from identity_node_pairs
    ) as p
    inner join identity_node_clusters as mine using (node_no)
    inner join identity_node_clusters as other on p.other_no = other.node_no
    where mine.cluster_no = other.cluster_no
    group by node_no
),
sizes as (
    select cluster_no, count(*) as record_count
    from {RECORD_NODES} inner join identity_node_clusters using (node_no)
    group by cluster_no
),
copies as (select node_no, count(*) as record_count from {RECORD_NODES} group by node_no)
select
    records.record_no,
    clusters.cluster_no,
    case
        when sizes.record_count = 1 then 'single'
        when tied.rule_no is not null then names.how
        when copies.record_count > 1 then 'same in every column'
        else 'scored'
    end as how,
    case
        when sizes.record_count = 1 or tied.rule_no is not null or copies.record_count > 1
            then 1.0
        else coalesce(support.probability, 0.5)
    end as probability
from {RECORD_NODES} as records
inner join identity_node_clusters as clusters using (node_no)
inner join sizes using (cluster_no)
inner join copies using (node_no)
left join tied using (node_no)
left join identity_rule_names as names on tied.rule_no = names.rule_no
left join support using (node_no)"""
