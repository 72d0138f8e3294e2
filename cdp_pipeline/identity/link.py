"""Linking: a trained model applied to the records.

Belongs here: the order of the steps, from exact groups over scored pairs to clusters. Does not
belong here: learning (``train``), ids that outlive a run (``ids``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.identity.blocking import NodeKeys, Pairs, expressions_of, make_pairs
from cdp_pipeline.identity.cluster import STRONGEST, Ties, components, linked_clusters
from cdp_pipeline.identity.exact import (
    ExactRule,
    exact_edges,
    looked_at,
    smallest_of_component,
    strongest,
)
from cdp_pipeline.identity.fit import model_fit, rules_of
from cdp_pipeline.identity.incremental import (
    beside_today,
    edges_of,
    keys_of_gone,
    read_before,
    still_known,
)
from cdp_pipeline.identity.mixture import parts_of
from cdp_pipeline.identity.outcome import LEAST_PROBABILITY, Linked, tables_of
from cdp_pipeline.identity.score import (
    ComparedPairs,
    joined_pairs,
    log2_odds,
    names_of,
)
from cdp_pipeline.identity.scorer import Scorer, odds_of
from cdp_pipeline.identity.work import (
    DISTINCT_RECORDS,
    Evidence,
    Nodes,
    Work,
    evidence_of,
    number_records,
)

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.incremental import Earlier
    from cdp_pipeline.identity.mixture import Mixture
    from cdp_pipeline.identity.model import LinkageModel

# One row with how many distinct records there are, and how many of them were linked anew.
LINKED_ANEW = "identity_linked_anew"
# Pairs this far (log2) under the threshold still tie a component together before linkage.
COMPONENT_SLACK = 2.0
# A difference in a column that so few matches show contradicts that two clusters are one.
HARDLY_EVER = 0.02


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
    needed = names_of(model.settings)
    rules = [ExactRule(tuple(c)) for c in model.exact]
    evidence = evidence_of(con, columns, needed)
    wanted = expressions_of([*rules_of(model), *looked_at(evidence, rules)])
    work = number_records(con, evidence, wanted)
    before = read_before(con, model, columns, evidence, rules)
    nodes = Nodes(con, work)
    earlier = None if before is None else beside_today(before, work.numbers)
    if earlier is None:
        nodes.need_all()
        keys = NodeKeys(con, work=work)
        edges = exact_edges(con, work, rules, keys)
    else:
        keys = NodeKeys(con, DISTINCT_RECORDS, work=work, keep_rules=True)
        gone = keys_of_gone(con, earlier, work)
        edges = edges_of(con, earlier, gone, work, rules, keys, nodes)
    edges = strongest(edges)
    groups = smallest_of_component(int(keys.nodes.max(initial=-1)) + 1, edges.left, edges.right)
    if model.mixture is None:
        linked = _exact_only(groups)
    elif earlier is None:
        linked = _link_nodes(con, model, groups, work, keys)
    else:
        linked = _link_what_is_new(con, model, groups, work, keys, nodes, earlier, gone)
    con.execute(
        f"create or replace temp table {LINKED_ANEW} as"
        f" select {linked.anew} as linked_anew, {len(keys.nodes)} as nodes"
    )
    tables = tables_of(con, work.numbers, rules, edges, linked)
    return tables | model_fit(con, model, keys, nodes)


def _link_nodes(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    groups: NDArray[np.int32],
    work: Work,
    keys: NodeKeys,
) -> Linked:
    """Link all nodes."""
    candidates = make_pairs(keys, rules_of(model), groups=groups)
    return _link_candidates(Scorer(con, model), model, candidates, groups, work, keys)


def _link_what_is_new(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    groups: NDArray[np.int32],
    work: Work,
    keys: NodeKeys,
    nodes: Nodes,
    earlier: Earlier,
    gone: NodeKeys,
) -> Linked:
    """Link what is new, and carry over what is known of the rest."""
    least, rules = model.threshold - COMPONENT_SLACK, rules_of(model)
    scorer = Scorer(con, model)

    def ties(candidates: Pairs) -> tuple[Pairs, NDArray[np.float64]]:
        nodes.need(candidates.left, candidates.right)
        scorer.look_again()
        pairs, parts = scorer.scored(candidates, least)
        odds = odds_of(parts, model.prior)
        near = odds >= least
        return Pairs(pairs.left[near], pairs.right[near]), odds[near]

    known = still_known(earlier, gone, keys, rules, groups, least, ties)
    if known is None:
        nodes.need_all()
        return _link_nodes(con, model, groups, work, keys)
    candidates = make_pairs(keys, rules, groups=groups, touching=known.anew)
    nodes.need(keys.nodes[known.anew], candidates.left, candidates.right)
    scorer.look_again()
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
    group_ties = _ties_of_groups(
        groups, pairs, parts, forbidden, pairs.levels[:, own] == 0, _told(model.mixture, parts)
    )
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


def _told(mixture: Mixture, parts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which parts of each pair tell as much as that part can.

    What a household shares is worth what it is beside the names: where two records of a couple
    show that they share an e-mail address, a third record with the address and no name does not
    make them one.
    """
    groups = parts_of(mixture)
    told = np.ones(parts.shape, dtype=bool)
    named = np.zeros(len(parts), dtype=bool)
    for place, group in enumerate(groups):
        if any(mixture.names[i] in mixture.given_names for i in group):
            named |= ~np.isnan(parts[:, place])
    for place, group in enumerate(groups):
        if mixture.names[group[0]] in mixture.household:
            told[:, place] = named
    return told


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
    told: NDArray[np.bool_],
) -> Ties:
    """Sum the evidence of pairs of nodes into pairs of groups."""
    size = len(groups)
    one, other = groups[pairs.left].astype(np.int64), groups[pairs.right].astype(np.int64)
    key, inverse = np.unique(
        np.minimum(one, other) * size + np.maximum(one, other), return_inverse=True
    )
    sums = np.empty((len(key), parts.shape[1]))
    best = np.zeros(sums.shape)
    highest_told = np.empty(sums.shape)
    informed = np.empty(sums.shape, dtype=np.int32)
    for part in range(parts.shape[1]):
        known = ~np.isnan(parts[:, part])
        values = np.clip(parts[known, part], -STRONGEST, STRONGEST)
        sums[:, part] = np.bincount(inverse[known], weights=values, minlength=len(key))
        highest = np.full(len(key), -np.inf)
        np.maximum.at(highest, inverse[known], values)
        best[:, part] = np.where(np.isinf(highest), 0.0, highest)
        highest = np.full(len(key), -np.inf)
        np.maximum.at(highest, inverse[known & told[:, part]], values[told[known, part]])
        highest_told[:, part] = highest
        informed[:, part] = np.bincount(inverse[known], minlength=len(key))
    differ = np.empty((len(key), differs.shape[1]), dtype=np.int32)
    for column in range(differs.shape[1]):
        differ[:, column] = np.bincount(inverse[differs[:, column]], minlength=len(key))
    return Ties(
        left=(key // max(size, 1)).astype(np.int32),
        right=(key % max(size, 1)).astype(np.int32),
        evidence=np.asarray(np.round(sums * 1e6) / 1e6),
        best=best,
        told=highest_told,
        informed=informed,
        forbidden=np.bincount(inverse[forbidden], minlength=len(key)) > 0,
        differ=differ,
    )
