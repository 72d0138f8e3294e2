"""Exact rules: agreements that decide alone, before any pair is scored.

Belongs here: which agreements decide, by how the columns are declared, and the groups they make.
Does not belong here: scored evidence.

A rule holds where what agrees belongs to one person (an identifier, or an e-mail with a given
name: two of a household share an e-mail, not both) and nothing else contradicts. Values shared by
too many different names take no part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    con: duckdb.DuckDBPyConnection, work: Work, rules: list[ExactRule], shared: str | None
) -> int:
    """Make star edges: each node of a group that agrees is tied to the group's first node.

    Parameters
    ----------
    rules
        Strongest first; an edge found by several keeps the first's name.
    shared
        Table with ``identity_column`` and ``value`` of values that no longer decide alone.
    """
    once = [e for e in work.evidence if e.column.per_person == "one"]
    names = [e.name for e in work.of_kind("given_name", "family_name")]
    queries = []
    for position, rule in enumerate(rules):
        agree = ", ".join(["kind", *rule.columns])
        present = " and ".join(f"{c} is not null" for c in rule.columns)
        if "given_name" in rule.columns:
            present += " and length(given_name) > 1"
        usable = "".join(_not_shared(c, shared) for c in rule.columns)
        kept = [e.name for e in once] + [n for n in names if n not in rule.columns]
        firsts = ", ".join(
            f"first_value({name}) over (partition by {agree}"
            f" order by {name} is null, node_no) as first_{name}"
            for name in kept
        )
        queries.append(
            f"""select first_no as left_no, node_no as right_no, {position} as rule_no from (
                select *, min(node_no) over (partition by {agree}) as first_no
                    {"," if firsts else ""} {firsts}
                from {NODES} as n where {present} {usable}
            ) where node_no <> first_no
                {"".join(_agrees(e) for e in once)} {_same_name(names, rule)}"""
        )
    union = " union all ".join(queries) or (
        "select 0::integer as left_no, 0::integer as right_no, 0 as rule_no where false"
    )
    con.execute(
        f"""create or replace temp table {EXACT_EDGES} as
        select left_no, right_no, min(rule_no) as rule_no from ({union})
        group by left_no, right_no order by left_no, right_no"""
    )
    return number(con, f"select count(*) from {EXACT_EDGES}")


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


def _not_shared(column: str, shared: str | None) -> str:
    if shared is None:
        return ""
    return (
        f" and not exists (select 1 from {shared} as s where s.identity_column = '{column}'"
        f" and s.value = cast(n.{column} as varchar))"
    )


def _same_name(names: list[str], rule: ExactRule) -> str:
    """Return SQL that is false where every name differs: a number typed at the wrong person."""
    if len(names) < 2 or set(names) & set(rule.columns):
        return ""
    differ = " and ".join(
        f"jaro_winkler_similarity({a}, first_{b}) < {LIKE_NAMES}" for a in names for b in names
    )
    return f" and not coalesce({differ}, false)"


def _agrees(evidence: Evidence) -> str:
    """Return SQL that is false when a node contradicts the first one of its group."""
    name = evidence.name
    if evidence.column.kind == "date":
        near = (
            f"damerau_levenshtein(strftime({name}, '%Y%m%d'),"
            f" strftime(first_{name}, '%Y%m%d')) <= 2"
        )
    elif evidence.column.exactness == "exact":
        near = f"{name} = first_{name}"
    else:
        near = f"damerau_levenshtein({name}, first_{name}) <= 2"
    return f" and ({name} is null or first_{name} is null or {near})"
