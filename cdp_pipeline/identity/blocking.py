"""Candidate pairs: which records are worth comparing at all.

Belongs here: the keys each kind of column gives, choosing the rules that bring matches together
without flooding the comparison, and making the pairs. Does not belong here: scoring them.

Only equality joins, on one or two keys. How many pairs two independent keys would bring together
by chance follows from their frequencies; rules are taken in that order until a budget is spent, so
the choice follows the data and its size.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.identity.equal import blocks, blocks_with
from cdp_pipeline.identity.sql import threads_of
from cdp_pipeline.identity.work import NODES, Evidence, Work, key_of, scanned

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    from numpy.typing import NDArray

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
LINKING_PAIRS = 6_000_000.0
LINKING_PAIRS_PER_RECORD = 12.0
# About so many pairs are enough to learn from.
LEARNING_PAIRS = 4_000_000.0
# Pairs are counted on about so many records; counts of pairs grow with the square.
_SAMPLE = 200_000
# Only to know about how many pairs there are, fewer will do.
_SMALL_SAMPLE = 60_000
# Keys read in one go.
_KEYS_AT_ONCE = 8
# Pairs expanded at once.
_PAIRS_AT_ONCE = 2_000_000
# An odd number near 2^64 divided by the golden ratio: multiplying by it spreads bits upwards.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


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
    testing
        What ``linking`` was chosen from: the same pairs over more ways, so that enough are left
        when the rules of one column are put aside.
    one_in
        Training looks at one in so many of its pairs.
    """

    linking: list[BlockingRule]
    learning: list[BlockingRule]
    testing: list[BlockingRule] = field(default_factory=list)
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
        "source": [],
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


def expressions_of(rules: list[BlockingRule]) -> list[str]:
    """Return all that some rules look at."""
    return list(dict.fromkeys(e for rule in rules for e in rule.expressions))


class NodeKeys:
    """The blocking keys of all nodes as numbers: equal numbers stand for equal keys.

    Zero stands for a missing key.

    Parameters
    ----------
    con
        Connection with the nodes.
    table
        Table or view with their columns.
    work
        What is known of these nodes, where something is.
    keep_rules
        Keep the keys of each rule once they are made: for those who look at few nodes of a block,
        several times, making them is what costs.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str = NODES,
        *,
        work: Work | None = None,
        keep_rules: bool = False,
    ) -> None:
        self._con, self.table = con, table
        self._found: dict[str, NDArray[np.uint64]] = {} if work is None else dict(work.keys)
        self._of_rules: dict[tuple[str, ...], NDArray[np.uint64]] | None = (
            {} if keep_rules else None
        )
        self.nodes = scanned(con, table, [])[0] if work is None else work.numbers.nodes
        self.threads = threads_of(con)

    def of(self, rule: BlockingRule) -> NDArray[np.uint64]:
        """Return the rule's key of each node, in the order of `nodes`; not to be written to."""
        if self._of_rules is None:
            return self._mixed(rule)
        if rule.expressions not in self._of_rules:
            self._of_rules[rule.expressions] = self._mixed(rule)
        return self._of_rules[rule.expressions]

    def _mixed(self, rule: BlockingRule) -> NDArray[np.uint64]:
        """Mix the keys of a rule, in place where that can be: new memory is what costs most."""
        first, *others = [self.single(expression) for expression in rule.expressions]
        total, present = first * _SPREAD, first != 0
        for keys in others:
            total += keys
            total *= _SPREAD
            present &= keys != 0
        total *= present
        return total

    def fetch(self, rules: list[BlockingRule]) -> None:
        """Have all keys of some rules at hand: threads must not share the connection."""
        self._read(expressions_of(rules))

    def single(self, expression: str) -> NDArray[np.uint64]:
        """Return one key of each node."""
        self._read([expression])
        return self._found[expression]

    def _read(self, expressions: list[str]) -> None:
        """Read keys that are not at hand, a few at a time."""
        missing = [e for e in expressions if e not in self._found]
        for begin in range(0, len(missing), _KEYS_AT_ONCE):
            some = missing[begin : begin + _KEYS_AT_ONCE]
            keys = scanned(self._con, self.table, [key_of(e) for e in some])[1]
            self._found.update(zip(some, keys, strict=True))

    def among(self, mask: NDArray[np.bool_]) -> NodeKeys:
        """Return the keys of some of the nodes."""
        return _SomeNodeKeys(self, mask)

    def holders_of(self, expression: str) -> NodeKeys:
        """Return the keys of the nodes that hold a value here."""
        return self.among(self.single(expression) != 0)


class _SomeNodeKeys(NodeKeys):
    def __init__(self, every: NodeKeys, mask: NDArray[np.bool_]) -> None:
        self._every, self._mask = every, mask
        self._found, self._of_rules = {}, None
        self.table = every.table
        self.nodes = every.nodes[mask]
        self.threads = every.threads

    def _read(self, expressions: list[str]) -> None:
        missing = [e for e in expressions if e not in self._found]
        self._every._read(missing)
        for expression in missing:
            self._found[expression] = self._every._found[expression][self._mask]


def sample_of(keys: NodeKeys, size: int = _SAMPLE) -> NodeKeys:
    """Return the keys of about so many nodes on which to count: all, where there are not many."""
    return keys.among(_sampled(keys.nodes, max(1, round(len(keys.nodes) / size))))


def choose_rules(work: Work, keys: NodeKeys) -> Rules:
    """Return the rules to use on this data, most selective first."""
    if work.node_count < 2 or not work.evidence:
        return Rules([], [])
    sample = sample_of(keys)
    scale = (work.node_count / max(len(sample.nodes), 1)) ** 2
    rules = possible_rules(work)
    sample.fetch(rules)
    expressions = sorted({e for rule in rules for e in rule.expressions})
    with ThreadPoolExecutor(keys.threads) as pool:
        found = pool.map(lambda e: _chance_agreement(sample.single(e)), expressions)
        agreement = dict(zip(expressions, found, strict=True))
    all_pairs = work.node_count * (work.node_count - 1) / 2
    of_few = {e.name for e in work.evidence if e.column.shared_by != "many"}
    judged = []
    for rule, count in zip(rules, _pair_counts(sample, rules, LARGEST_BLOCK), strict=True):
        by_chance = all_pairs
        for expression in rule.expressions:
            by_chance *= agreement[expression]
        pairs = count * scale
        if len(rule.keys) == 1 and rule.keys[0].column in of_few:
            # What hundreds of records hold makes no pairs: it is not what an address of one's own
            # costs.
            by_chance = min(by_chance, pairs)
        # Keys that depend on each other (a postcode and its town) bring more than chance says.
        waste = max(by_chance, pairs - MATCHES_PER_RECORD * work.node_count)
        if 0 < pairs <= PAIRS_PER_RECORD * work.node_count:
            judged.append(_Judged(rule, pairs, by_chance, waste))
    budget = min(CHANCE_PAIRS_PER_RECORD * work.node_count, CHANCE_PAIRS_TOTAL + work.node_count)
    most = LINKING_PAIRS + LINKING_PAIRS_PER_RECORD * work.node_count
    learning = _affordable([(j.by_chance, j) for j in judged], budget, math.inf)
    linking = _affordable([(j.waste, j) for j in judged], budget, most)
    chosen = [j.rule for j in linking]
    return Rules(
        linking=_without_idle(chosen, sample),
        learning=_without_idle([j.rule for j in learning], sample),
        testing=chosen,
        one_in=max(1, round(sum(j.pairs for j in learning) / LEARNING_PAIRS)),
    )


def _without_idle(rules: list[BlockingRule], sample: NodeKeys) -> list[BlockingRule]:
    """Return the rules without those whose every pair of a sample another rule brings as well.

    The most selective go first: the whole number is idle beside its last digits, unless so many
    share those that no pairs are made of them.
    """
    size = len(sample.nodes)

    def pairs_of(rule: BlockingRule) -> NDArray[np.int64]:
        return distinct([a * size + b for a, b in _pairs_in_blocks(*blocks(sample.of(rule)))])

    sample.fetch(rules)
    with ThreadPoolExecutor(sample.threads) as pool:
        found = list(pool.map(pairs_of, rules))
        every = distinct(list(found))
        places = list(pool.map(partial(_places_in, every), found))
    times = np.zeros(len(every), dtype=np.int32)
    for place in places:
        times[place] += 1
    kept = []
    for rule, place in zip(rules, places, strict=True):
        if len(place) and times[place].min() == 1:
            kept.append(rule)
        else:
            times[place] -= 1
    return kept


def _places_in(every: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.searchsorted(every, some)


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
    keys: NodeKeys,
    rules: list[BlockingRule],
    *,
    groups: NDArray[np.int32] | None = None,
    touching: NDArray[np.bool_] | None = None,
    one_in: int = 1,
) -> Pairs:
    """Return the distinct candidate pairs of all rules, sorted.

    Parameters
    ----------
    groups
        Group of each node by its number: pairs within one group are left out.
    touching
        Only pairs of which at least one node is among these, by its place in ``keys.nodes``.
    one_in
        Make one in so many of the pairs, the same ones each time.
    """
    nodes = keys.nodes
    size = int(nodes[-1]) + 1 if len(nodes) else 0
    wanted = _sampled(nodes, one_in) if one_in > 1 else None
    group_of = None if groups is None else groups[nodes]
    keys.fetch(rules)
    among = partial(_pairs_of_rule, keys, group_of, touching, wanted, size)
    with ThreadPoolExecutor(keys.threads) as pool:
        found = [part for parts in pool.map(among, rules) for part in parts]
    return unpacked(distinct(found), size)


def _pairs_of_rule(
    keys: NodeKeys,
    group_of: NDArray[np.int32] | None,
    touching: NDArray[np.bool_] | None,
    wanted: NDArray[np.bool_] | None,
    size: int,
    rule: BlockingRule,
) -> list[NDArray[np.int64]]:
    """Return the pairs of one rule, packed."""
    among = touching if wanted is None else wanted
    order, ends = blocks(keys.of(rule)) if among is None else blocks_with(keys.of(rule), among)
    nodes = keys.nodes
    found = []
    for left, right in _pairs_in_blocks(order, ends):
        keep = np.ones(len(left), dtype=bool)
        if touching is not None:
            keep &= touching[left] | touching[right]
        if wanted is not None:
            keep &= wanted[left]
        if group_of is not None:
            keep &= group_of[left] != group_of[right]
        left, right = left[keep], right[keep]
        found.append(nodes[left].astype(np.int64) * size + nodes[right])
    return found


def pair_count(keys: NodeKeys, rules: list[BlockingRule]) -> float:
    """Return about how many pairs the rules make, those that several make counted for each."""
    sample = sample_of(keys, _SMALL_SAMPLE)
    scale = len(keys.nodes) / max(len(sample.nodes), 1)
    return sum(_pair_counts(sample, rules, LARGEST_BLOCK / scale)) * scale**2


def _pair_counts(keys: NodeKeys, rules: list[BlockingRule], largest: float) -> list[float]:
    """Return how many pairs each rule makes of blocks that are not too large."""
    keys.fetch(rules)
    with ThreadPoolExecutor(keys.threads) as pool:
        return list(pool.map(lambda rule: _pairs_of(keys.of(rule), largest), rules))


@dataclass(frozen=True)
class Pairs:
    """Pairs of node numbers, left below right, sorted."""

    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.left)


def distinct(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the distinct numbers of all parts, sorted; empties the list as it goes."""
    if not parts:
        return np.zeros(0, dtype=np.int64)
    numbers = np.concatenate(parts)
    parts.clear()
    numbers.sort()
    return numbers[np.append(True, numbers[1:] != numbers[:-1])] if len(numbers) else numbers


def unpacked(numbers: NDArray[np.int64], size: int) -> Pairs:
    """Return the pairs that were packed as ``left * size + right``."""
    return Pairs(
        (numbers // max(size, 1)).astype(np.int32), (numbers % max(size, 1)).astype(np.int32)
    )


def _pairs_in_blocks(
    order: NDArray[np.int64], ends: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs of positions within blocks, a bounded number at a time."""
    widths = np.diff(ends)
    starts = ends[:-1]
    usable = (widths >= 2) & (widths <= LARGEST_BLOCK)
    starts, widths = starts[usable], widths[usable]
    by_width = np.argsort(widths, kind="stable")
    starts, widths = starts[by_width], widths[by_width]
    for width in np.unique(widths):
        same = starts[np.searchsorted(widths, width) : np.searchsorted(widths, width, "right")]
        row, column = np.triu_indices(int(width), 1)
        step = max(1, _PAIRS_AT_ONCE // len(row))
        for begin in range(0, len(same), step):
            members = order[same[begin : begin + step, None] + np.arange(width)]
            yield members[:, row].ravel(), members[:, column].ravel()


def _sampled(nodes: NDArray[np.int32], one_in: int) -> NDArray[np.bool_]:
    """Return which nodes are in a sample of one in so many, by their number alone."""
    mixed = (nodes.astype(np.uint64) + np.uint64(1)) * _SPREAD
    mixed = (mixed ^ (mixed >> np.uint64(32))) * _SPREAD
    return np.asarray((mixed >> np.uint64(40)) % np.uint64(max(one_in, 1)) == 0)


def _chance_agreement(keys: NDArray[np.uint64]) -> float:
    """Return how likely two records share a key by chance.

    A value that only occurs once cannot show how likely it is to meet another: a pair of equal
    values is left out of the square, which keeps duplicates of one person from looking like chance.
    """
    widths = np.diff(blocks(keys)[1]).astype(float)
    return float((widths * (widths - 1)).sum()) / max(float(len(keys)) ** 2, 1.0)


def _pairs_of(keys: NDArray[np.uint64], largest: float) -> float:
    widths = np.diff(blocks(keys)[1]).astype(float)
    widths = widths[widths <= largest]
    return float((widths * (widths - 1) / 2).sum())
