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
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.blocking import BlockingRule, Key, NodeKeys
from cdp_pipeline.identity.equal import blocks
from cdp_pipeline.identity.sql import number
from cdp_pipeline.identity.work import NODES, Evidence, Work, deciding_columns

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

EXACT_EDGES = "identity_exact_edges"
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


def make_exact_edges(
    con: duckdb.DuckDBPyConnection,
    work: Work,
    rules: list[ExactRule],
    shared: str | None,
    keys: NodeKeys | None = None,
) -> int:
    """Make star edges: each node of a group that agrees is tied to the group's first node.

    Parameters
    ----------
    rules
        Strongest first; an edge found by several keeps the first's name.
    shared
        Table with ``identity_column`` and ``value`` of values that no longer decide alone.
    keys
        The keys of the nodes, where they are at hand.
    """
    keys = keys or NodeKeys(con)
    once = [e for e in work.evidence if e.column.per_person == "one"]
    usable = {c: _usable(con, keys, c, shared) for c in {c for r in rules for c in r.columns}}
    names = [e.name for e in work.of_kind("given_name", "family_name")]
    kept = [*(e.name for e in once), *names]
    keys.fetch([BlockingRule(tuple(Key(c, c) for c in (*usable, *kept)))])
    with ThreadPoolExecutor(keys.threads) as pool:
        found = pool.map(lambda no: _stars(keys, no, rules[no], usable, kept), range(len(rules)))
        stars = _joined(list(found), kept)
    doubtful = _may_contradict(keys, stars, len(once), kept, _nameless(names, rules))
    sure = stars.where(~doubtful)
    agreeing = _not_contradicting(con, keys, stars.where(doubtful), once, names, rules)
    edges = pa.table(
        {
            "left_no": np.concatenate((keys.nodes[sure.first], agreeing["left_no"])),
            "right_no": np.concatenate((keys.nodes[sure.other], agreeing["right_no"])),
            "rule_no": np.concatenate((sure.rule, agreeing["rule_no"])),
        }
    )
    con.register("identity_agreeing", edges)
    con.execute(
        f"""create or replace temp table {EXACT_EDGES} as
        select left_no, right_no, min(rule_no) as rule_no from identity_agreeing
        group by left_no, right_no order by left_no, right_no"""
    )
    con.unregister("identity_agreeing")
    return number(con, f"select count(*) from {EXACT_EDGES}")


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
    keys: NodeKeys, no: int, rule: ExactRule, usable: dict[str, NDArray[np.bool_]], kept: list[str]
) -> _Stars:
    agreeing = keys.of(BlockingRule(tuple(Key(c, c) for c in rule.columns)))
    agreeing[~np.logical_and.reduce([usable[c] for c in rule.columns])] = 0
    order, ends = blocks(agreeing)
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
    stars: _Stars,
    once: list[Evidence],
    names: list[str],
    rules: list[ExactRule],
) -> dict[str, NDArray[np.int32]]:
    """Return the edges whose values differ by slips only, or not in every name."""
    kept = [*(e.name for e in once), *names]
    nodes = np.append(keys.nodes, np.int32(-1))
    columns = {f"first_{name}": nodes[stars.holders[:, c]] for c, name in enumerate(kept)}
    con.register(
        "identity_doubtful",
        pa.table(
            {
                "left_no": nodes[stars.first],
                "right_no": nodes[stars.other],
                "rule_no": stars.rule,
                **columns,
            }
        ),
    )
    joins = "".join(
        f" left join {NODES} as first_{name} on s.first_{name} = first_{name}.node_no"
        for name in kept
    )
    agree = "".join(_agrees(e) for e in once) + _same_name(names, rules)
    found = con.sql(
        f"""select s.left_no, s.right_no, s.rule_no
        from identity_doubtful as s inner join {NODES} as n on s.right_no = n.node_no {joins}
        where true {agree}"""
    ).to_arrow_table()
    con.unregister("identity_doubtful")
    return {name: found[name].to_numpy() for name in ("left_no", "right_no", "rule_no")}


def _usable(
    con: duckdb.DuckDBPyConnection, keys: NodeKeys, column: str, shared: str | None
) -> NDArray[np.bool_]:
    """Return which nodes have a value in a column that may decide."""
    fit = keys.single(column) != 0
    refused = []
    if column == "given_name":
        refused.append(f"select node_no from {NODES} where length(given_name) <= 1")
    if shared is not None:
        refused.append(
            f"select n.node_no from {NODES} as n inner join {shared} as s"
            f" on s.identity_column = '{column}' and s.value = cast(n.{column} as varchar)"
        )
    for query in refused:
        found = con.sql(query).to_arrow_table()["node_no"].to_numpy()
        fit[np.searchsorted(keys.nodes, found)] = False
    return np.asarray(fit)


def exact_groups(con: duckdb.DuckDBPyConnection, size: int) -> NDArray[np.int32]:
    """Return for each node number the smallest node number of its exact group."""
    edges = con.sql(f"select left_no, right_no from {EXACT_EDGES}").to_arrow_table()
    return smallest_of_component(size, edges["left_no"].to_numpy(), edges["right_no"].to_numpy())


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
