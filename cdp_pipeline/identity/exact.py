"""Exact rules: agreements that decide alone, before any pair is scored.

Belongs here: which agreements decide, by how the columns are declared, and the groups they make.
Does not belong here: scored evidence.

A rule holds where what agrees belongs to one person (an identifier, or an e-mail with a given
name: two of a household share an e-mail, not both) and nothing else contradicts. Values shared by
too many different names take no part.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.identity.blocking import BlockingRule, Key, NodeKeys
from cdp_pipeline.identity.equal import among, blocks, blocks_with
from cdp_pipeline.identity.sql import rows, shown
from cdp_pipeline.identity.work import JOINED, NODES, Evidence, Nodes, Work, deciding_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    from numpy.typing import NDArray

# Two names less alike than this, in whatever order, are different ones.
LIKE_NAMES = 0.8

# How a column is called in a rule's name.
_SPOKEN = {
    "email": "e-mail",
    "given_name": "first name",
    "family_name": "last name",
    "birth_on": "birth date",
    "national_id": "national id",
    "loyalty_id": "loyalty id",
    "organisation_number": "organisation number",
    "company_name": "company name",
}


@dataclass(frozen=True)
class ExactRule:
    """Records that agree on all these columns are one customer."""

    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The rule in words, as ``identity_map.how`` shows it."""
        words = [_SPOKEN.get(c, c.replace("_", " ")) for c in self.columns]
        return "same " + (
            words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
        )


def exact_rules(work: Work) -> list[ExactRule]:
    """Return the exact rules the declared columns allow, strongest first."""
    return [ExactRule(columns) for columns in deciding_columns(work.evidence)]


@dataclass(frozen=True)
class Edges:
    """Pairs of node numbers that a rule ties, and which rule it is."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    rule: NDArray[np.int32]

    def where(self, mask: NDArray[Any]) -> Edges:
        """Return those that a mask or index selects."""
        return Edges(self.left[mask], self.right[mask], self.rule[mask])


def exact_edges(
    con: duckdb.DuckDBPyConnection,
    work: Work,
    rules: list[ExactRule],
    keys: NodeKeys,
    nodes: Nodes | None = None,
    touched: NDArray[np.bool_] | None = None,
) -> Edges:
    """Return star edges: each node of a group that agrees is tied to the group's first node.

    Reads ``identity.shared_identifiers``: values that no longer decide alone.

    Parameters
    ----------
    rules
        Strongest first.
    keys
        The keys of the nodes.
    nodes
        ``identity_nodes``, where it does not hold all nodes.
    touched
        Only groups that hold one of these nodes, by place in ``keys.nodes``.
    """
    once = [e for e in work.evidence if e.column.per_person == "one"]
    names = [e.name for e in work.of_kind("given_name", "family_name")]
    kept = [*(e.name for e in once), *names]
    keys.fetch(looked_at(work.evidence, rules))
    usable = _usable(con, keys, sorted({c for r in rules for c in r.columns}))
    with ThreadPoolExecutor(keys.threads) as pool:
        found = pool.map(
            lambda no: _stars(keys, no, rules[no], usable, kept, touched), range(len(rules))
        )
        stars = _joined(list(found), kept)
    doubtful = _may_contradict(keys, stars, len(once), kept, _nameless(names, rules))
    sure = stars.where(~doubtful)
    agreeing = _not_contradicting(con, keys, nodes, stars.where(doubtful), once, names, rules)
    return Edges(
        np.concatenate((keys.nodes[sure.first], agreeing.left)),
        np.concatenate((keys.nodes[sure.other], agreeing.right)),
        np.concatenate((sure.rule, agreeing.rule)),
    )


def looked_at(evidence: Sequence[Evidence], rules: list[ExactRule]) -> list[BlockingRule]:
    """Return the keys that exact rules look at, and those of columns that could contradict them."""
    kept = [e.name for e in evidence if e.column.per_person == "one"]
    kept += [e.name for e in evidence if e.column.kind in ("given_name", "family_name")]
    return [*(_as_blocking(rule) for rule in rules), *(BlockingRule((Key(c, c),)) for c in kept)]


def strongest(edges: Edges) -> Edges:
    """Return each edge once, with the strongest rule that found it, sorted."""
    if not len(edges.left):
        return edges
    # Numbers sort many times as fast as rows of several columns.
    size, rules = int(edges.right.max()) + 1, int(edges.rule.max()) + 1
    packed = (edges.left.astype(np.int64) * size + edges.right) * rules + edges.rule
    packed.sort()
    pair = packed // rules
    first = np.append(True, pair[1:] != pair[:-1])
    pair, rule = pair[first], (packed[first] % rules).astype(np.int32)
    return Edges((pair // size).astype(np.int32), (pair % size).astype(np.int32), rule)


def agreeing_with(
    keys: NodeKeys, rules: list[ExactRule], changed: NDArray[np.bool_], gone: NodeKeys
) -> NDArray[np.bool_]:
    """Return which nodes agree by any rule with a changed node, or with one that is gone."""
    touched = changed.copy()
    for rule in rules:
        blocking = _as_blocking(rule)
        found, its = keys.of(blocking), gone.of(blocking)
        touched[among(found, np.concatenate((found[changed], its)))] = True
    return touched


@dataclass(frozen=True)
class _Stars:
    """Nodes that agree with another one by a rule, by their places among the nodes.

    Attributes
    ----------
    first, other
        The first node of the group that agrees, and one of the others.
    rule
        Which rule it is.
    holders
        One column per column that could contradict: the first node of the group that has it, -1
        where nobody has.
    """

    first: NDArray[np.int64]
    other: NDArray[np.int64]
    rule: NDArray[np.int32]
    holders: NDArray[np.int64]

    def where(self, mask: NDArray[np.bool_]) -> _Stars:
        """Return some of them."""
        return _Stars(self.first[mask], self.other[mask], self.rule[mask], self.holders[mask])


def _stars(
    keys: NodeKeys,
    no: int,
    rule: ExactRule,
    usable: dict[str, NDArray[np.bool_]],
    kept: list[str],
    touched: NDArray[np.bool_] | None,
) -> _Stars:
    fit = np.logical_and.reduce([usable[c] for c in rule.columns])
    agreeing = np.where(fit, keys.of(_as_blocking(rule)), np.uint64(0))
    order, ends = blocks(agreeing) if touched is None else blocks_with(agreeing, touched)
    starts, widths = ends[:-1], np.diff(ends)
    firsts = np.repeat(order[starts], widths)
    others = order != firsts
    place = np.append(order, -1)
    holders = np.empty((int(others.sum()), len(kept)), dtype=np.int64)
    for column, name in enumerate(kept):
        present = np.where(keys.single(name)[order] != 0, np.arange(len(order)), len(order))
        holder = np.minimum.reduceat(present, starts) if len(starts) else present
        holders[:, column] = np.repeat(place[holder], widths)[others]
    rules = np.full(len(holders), no, dtype=np.int32)
    return _Stars(firsts[others], order[others], rules, holders)


def _joined(parts: list[_Stars], kept: list[str]) -> _Stars:
    nothing = np.zeros(0, dtype=np.int64)
    parts = [_Stars(nothing, nothing, nothing.astype(np.int32), nothing.reshape(0, len(kept)))] + (
        parts
    )
    return _Stars(
        np.concatenate([p.first for p in parts]),
        np.concatenate([p.other for p in parts]),
        np.concatenate([p.rule for p in parts]),
        np.concatenate([p.holders for p in parts]),
    )


def _may_contradict(
    keys: NodeKeys, stars: _Stars, once: int, kept: list[str], nameless: list[int]
) -> NDArray[np.bool_]:
    """Return which nodes have another value than the first of their group, where that matters."""
    differs = np.zeros((len(stars.first), len(kept)), dtype=bool)
    for column, name in enumerate(kept):
        found, holder = keys.single(name), stars.holders[:, column]
        mine = found[stars.other]
        differs[:, column] = (holder >= 0) & (mine != 0) & (mine != found[holder])
    by_name = differs[:, once:].all(axis=1) & np.isin(stars.rule, nameless)
    return np.asarray(differs[:, :once].any(axis=1) | by_name)


def _not_contradicting(
    con: duckdb.DuckDBPyConnection,
    keys: NodeKeys,
    nodes: Nodes | None,
    stars: _Stars,
    once: list[Evidence],
    names: list[str],
    rules: list[ExactRule],
) -> Edges:
    """Return the edges whose values differ by slips only, or not in every name."""
    kept = [*(e.name for e in once), *names]
    numbers = np.append(keys.nodes, np.int32(-1))
    holders = {f"first_{name}": numbers[stars.holders[:, c]] for c, name in enumerate(kept)}
    other = numbers[stars.other]
    if nodes is not None:
        nodes.need(other, *(held[held >= 0] for held in holders.values()))
    doubtful = {"left_no": numbers[stars.first], "right_no": other, "rule_no": stars.rule}
    joins = "".join(
        f" left join {NODES} as first_{name} on s.first_{name} = first_{name}.node_no"
        for name in kept
    )
    agree = "".join(_agrees(e) for e in once) + _same_name(names, rules)
    with shown(con, "identity_doubtful", doubtful | holders):
        found = con.sql(
            f"""select s.left_no, s.right_no, s.rule_no
            from identity_doubtful as s inner join {NODES} as n on s.right_no = n.node_no {joins}
            where true {agree}"""
        ).to_arrow_table()
    return Edges(*(found[name].to_numpy() for name in ("left_no", "right_no", "rule_no")))


def _usable(
    con: duckdb.DuckDBPyConnection, keys: NodeKeys, columns: list[str]
) -> dict[str, NDArray[np.bool_]]:
    """Return which nodes have a value that may decide, by column."""
    fit = {c: keys.single(_deciding(c)) != 0 for c in columns}
    listed = rows(con, "select distinct identity_column from identity.shared_identifiers")
    for column in {column for (column,) in listed} & fit.keys():
        values = f"select value from identity.shared_identifiers where identity_column = '{column}'"
        fit[column][holding(con, keys, column, values)] = False
    return fit


def holding(
    con: duckdb.DuckDBPyConnection, keys: NodeKeys, column: str, values: str
) -> NDArray[np.int64]:
    """Return the places of the nodes that hold one of the values a query gives as ``value``."""
    table = con.table(keys.table)
    kind_of_value = dict(zip(table.columns, table.types, strict=True))[column]
    wanted = con.sql(
        f"""select hash(kinds.kind, try_cast(given.value as {kind_of_value})) as found
        from ({values}) as given, (select distinct kind from {JOINED}) as kinds"""
    ).to_arrow_table()
    return among(keys.single(_deciding(column)), wanted["found"].to_numpy())


def _deciding(column: str) -> str:
    """Return what of a column has to be equal: an initial is no name to decide by."""
    return f"case when length({column}) > 1 then {column} end" if column == "given_name" else column


def _as_blocking(rule: ExactRule) -> BlockingRule:
    return BlockingRule(tuple(Key(c, _deciding(c)) for c in rule.columns))


def smallest_of_component(
    size: int, left: NDArray[np.integer], right: NDArray[np.integer]
) -> NDArray[np.int32]:
    """Return for each number below ``size`` the smallest number connected with it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if size == 0:
        return np.zeros(0, dtype=np.int32)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    count, labels = connected_components(graph, directed=False)
    smallest = np.full(count, size, dtype=np.int32)
    np.minimum.at(smallest, labels, np.arange(size, dtype=np.int32))
    return np.asarray(smallest[labels])


def _nameless(names: list[str], rules: list[ExactRule]) -> list[int]:
    """Return the rules that look at no name, where records have given and family names."""
    if len(names) < 2:
        return []
    return [no for no, rule in enumerate(rules) if not set(names) & set(rule.columns)]


def _same_name(names: list[str], rules: list[ExactRule]) -> str:
    """Return SQL that is false where every name differs: a number typed at the wrong person."""
    nameless = _nameless(names, rules)
    if not nameless:
        return ""
    differ = " and ".join(
        f"jaro_winkler_similarity(n.{a}, first_{b}.{b}) < {LIKE_NAMES}"
        for a in names
        for b in names
    )
    return (
        f" and not (s.rule_no in ({', '.join(map(str, nameless))}) and coalesce({differ}, false))"
    )


def _agrees(evidence: Evidence) -> str:
    """Return SQL that is false when a node contradicts the first one of its group."""
    mine, first = f"n.{evidence.name}", f"first_{evidence.name}.{evidence.name}"
    if evidence.column.kind == "date":
        near = f"damerau_levenshtein(strftime({mine}, '%Y%m%d'), strftime({first}, '%Y%m%d')) <= 2"
    elif evidence.column.exactness == "exact":
        near = f"{mine} = {first}"
    else:
        near = f"damerau_levenshtein({mine}, {first}) <= 2"
    return f" and ({mine} is null or {first} is null or {mine} = {first} or {near})"
