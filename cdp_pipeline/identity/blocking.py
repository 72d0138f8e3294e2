"""Candidate pairs: which records are worth comparing at all.

Belongs here: the keys each kind of column gives, choosing the rules that bring matches together
without flooding the comparison, and making the pairs. Does not belong here: scoring them.

Only equality joins, on one or two keys. How many pairs two independent keys would bring together
by chance follows from their frequencies; rules are taken in that order until a budget is spent, so
the choice follows the data and its size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from cdp_pipeline.identity.sql import number, rows
from cdp_pipeline.identity.work import NODES, Evidence, Work

if TYPE_CHECKING:
    import duckdb

# Chance pairs that may be compared: so many per record, up to a total that grows by one a record.
CHANCE_PAIRS_PER_RECORD = 20.0
CHANCE_PAIRS_TOTAL = 1_500_000.0
# So many pairs per record may be wanted ones.
MATCHES_PER_RECORD = 8.0
# All pairs of one rule, wanted ones included.
PAIRS_PER_RECORD = 30.0
# A block larger than this has no pairs made of it: its key says too little.
LARGEST_BLOCK = 200
# All pairs of all linking rules: so many, and so many more per record.
LINKING_PAIRS = 3_000_000.0
LINKING_PAIRS_PER_RECORD = 4.0
# About so many pairs are enough to learn from.
LEARNING_PAIRS = 4_000_000.0
# Rules are chosen on about so many records; counts of pairs grow with the square.
_SAMPLE = 200_000


@dataclass(frozen=True)
class Key:
    """An expression over a node that matching records tend to share."""

    column: str
    expression: str


@dataclass(frozen=True)
class BlockingRule:
    """Records that share all keys become candidate pairs."""

    keys: tuple[Key, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The declared columns the rule looks at."""
        return frozenset(part for key in self.keys for part in key.column.split("+"))

    @property
    def expressions(self) -> tuple[str, ...]:
        """What has to be equal."""
        return tuple(key.expression for key in self.keys)


@dataclass(frozen=True)
class Rules:
    """The rules chosen for some data.

    Attributes
    ----------
    linking
        For linking: as few pairs as bring the matches together.
    learning
        For training, which also has to see what is no match: neighbours and families.
    one_in
        Training looks at one in so many of its pairs.
    """

    linking: list[BlockingRule]
    learning: list[BlockingRule]
    one_in: int = 1


def keys_of(evidence: Evidence) -> list[Key]:
    """Return the blocking keys of a column: the value, and forms that survive a slip."""
    name, kind = evidence.name, evidence.column.kind
    forms = {
        "given_name": [
            f"{name}_root" if name == "given_name" else name,
            f"{name}_skeleton",
        ],
        "family_name": [name, f"{name}_skeleton"],
        "full_name": [name, f"{name}_skeleton"],
        "date": [name, f"left({name}_text, 6)", f"right({name}_text, 4)"],
        "email": [name, f"{name}_user"],
        "phone": [name, f"{name}_tail"],
        "address": [name, "street"] if name == "address" else [name],
        "category": [],
    }.get(kind, [name])
    return [Key(name, form) for form in forms]


def possible_rules(work: Work) -> list[BlockingRule]:
    """Return every rule of one or two keys of different columns."""
    keys = [key for evidence in work.evidence for key in keys_of(evidence)]
    names = {e.name for e in work.evidence}
    if {"given_name", "family_name"} <= names:
        # Both orders of a name give the same key.
        both = "least(given_name, family_name) || ' ' || greatest(given_name, family_name)"
        keys.append(Key("given_name+family_name", both))
    rules = [BlockingRule((key,)) for key in keys]
    for first, second in combinations(keys, 2):
        if not set(first.column.split("+")) & set(second.column.split("+")):
            rules.append(BlockingRule((first, second)))
    return rules


def choose_rules(con: duckdb.DuckDBPyConnection, work: Work) -> Rules:
    """Return the rules to use on this data, most selective first."""
    if work.node_count < 2 or not work.evidence:
        return Rules([], [])
    sampled = _sample(con, work)
    scale = (work.node_count / max(sampled, 1)) ** 2
    agreement = _chance_agreement(con, work)
    all_pairs = work.node_count * (work.node_count - 1) / 2
    judged = []
    for rule in possible_rules(work):
        by_chance = all_pairs
        for key in rule.keys:
            by_chance *= agreement[key.expression]
        pairs = _pairs_of(con, rule) * scale
        # Keys that depend on each other (a postcode and its town) bring more than chance says.
        waste = max(by_chance, pairs - MATCHES_PER_RECORD * work.node_count)
        if 0 < pairs <= PAIRS_PER_RECORD * work.node_count:
            judged.append(_Judged(rule, pairs, by_chance, waste))
    con.execute("drop table identity_sample")
    budget = min(CHANCE_PAIRS_PER_RECORD * work.node_count, CHANCE_PAIRS_TOTAL + work.node_count)
    most = LINKING_PAIRS + LINKING_PAIRS_PER_RECORD * work.node_count
    learning = _affordable([(j.by_chance, j) for j in judged], budget, math.inf)
    return Rules(
        linking=[j.rule for j in _affordable([(j.waste, j) for j in judged], budget, most)],
        learning=[j.rule for j in learning],
        one_in=max(1, round(sum(j.pairs for j in learning) / LEARNING_PAIRS)),
    )


@dataclass(frozen=True)
class _Judged:
    rule: BlockingRule
    pairs: float
    by_chance: float
    waste: float


def _affordable(costs: list[tuple[float, _Judged]], budget: float, most: float) -> list[_Judged]:
    """Return the cheapest rules within the budgets, without those that only narrow another."""
    chosen: list[_Judged] = []
    for cost, judged in sorted(costs, key=lambda item: (item[0], item[1].rule.expressions)):
        budget -= cost
        if budget < 0:
            break
        keys = set(judged.rule.keys)
        wider = [j for j in chosen if not keys < set(j.rule.keys)]
        if judged.pairs + sum(j.pairs for j in wider) > most:
            continue
        if not any(set(j.rule.keys) < keys for j in chosen):
            chosen = [*wider, judged]
    return chosen


def make_pairs(
    con: duckdb.DuckDBPyConnection,
    rules: list[BlockingRule],
    table: str,
    *,
    groups: str | None = None,
    one_in: int = 1,
) -> int:
    """Make the distinct candidate pairs of all rules and return how many there are.

    Parameters
    ----------
    table
        Temp table to make, with ``left_no`` < ``right_no``.
    groups
        Table with ``node_no`` and ``group_no``: pairs within one group are left out.
    one_in
        Make one in so many of the pairs, the same ones each time.
    """
    con.execute(f"drop table if exists {table}")
    queries = []
    keyed = NODES if groups is None else f"{NODES} inner join {groups} using (node_no)"
    group = "node_no" if groups is None else "group_no"
    sampled = f"and hash(l.node_no) % {one_in} = 0" if one_in > 1 else ""
    for rule in rules:
        present = " and ".join(f"{e} is not null" for e in rule.expressions)
        key = f"hash(kind, {', '.join(rule.expressions)})"
        queries.append(
            f"""select l.node_no as left_no, r.node_no as right_no
            from (select {key} as key, node_no, {group} as group_no
                from {keyed} where {present}) as l
            inner join (select {key} as key, node_no, {group} as group_no
                from {keyed} where {present}) as r
                on l.key = r.key and l.node_no < r.node_no and l.group_no <> r.group_no {sampled}
            where l.key in (
                select key from (select {key} as key from {NODES} where {present})
                group by key having count(*) between 2 and {LARGEST_BLOCK})"""
        )
    union = " union ".join(queries) or (
        "select 0::integer as left_no, 0::integer as right_no where false"
    )
    con.execute(f"create temp table {table} as select * from ({union})")
    return number(con, f"select count(*) from {table}")


def _sample(con: duckdb.DuckDBPyConnection, work: Work) -> int:
    share = min(1.0, _SAMPLE / max(work.node_count, 1))
    con.execute(
        f"""create or replace temp table identity_sample as select * from {NODES}
        where hash(node_no) % 1000000 < {int(share * 1_000_000)}"""
    )
    return number(con, "select count(*) from identity_sample")


def _chance_agreement(con: duckdb.DuckDBPyConnection, work: Work) -> dict[str, float]:
    """Return for each key how likely two records share it by chance.

    A value that only occurs once cannot show how likely it is to meet another: a pair of equal
    values is left out of the square, which keeps duplicates of one person from looking like chance.
    """
    expressions = {key.expression for rule in possible_rules(work) for key in rule.keys}
    agreement = {}
    for expression in sorted(expressions):
        present, squares = rows(
            con,
            f"""select coalesce(sum(n), 0), coalesce(sum(n::hugeint * (n - 1)), 0)
            from (select count(*) as n from {NODES}
                where {expression} is not null group by {expression})""",
        )[0]
        agreement[expression] = (
            float(squares) / max(float(present) ** 2, 1.0) * (float(present) / work.node_count) ** 2
        )
    return agreement


def _pairs_of(con: duckdb.DuckDBPyConnection, rule: BlockingRule) -> int:
    present = " and ".join(f"{e} is not null" for e in rule.expressions)
    return number(
        con,
        f"""select sum(n * (n - 1) // 2) from (
            select count(*) as n from identity_sample where {present}
            group by kind, {", ".join(rule.expressions)}
            having count(*) between 2 and {LARGEST_BLOCK})""",
    )
