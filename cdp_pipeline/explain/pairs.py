"""Two records or customers: why they are joined, or what is missing.

Belongs here: ``cdp why A B``. Does not belong here: weighing (``scoring``), words (``texts``) or
printing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.explain import records
from cdp_pipeline.explain.customers import link_dict, one_of, rules_of, tree_of
from cdp_pipeline.explain.records import SCORED, Found, Link, Record
from cdp_pipeline.explain.scoring import DIFFERENT, MISSING, Scorer, Step, prior_weight
from cdp_pipeline.explain.tree import path
from cdp_pipeline.identity.cluster import DIFFERING, ESTABLISHED
from cdp_pipeline.identity.constrain import BY_DECISION

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.explain.scoring import Weighed
    from cdp_pipeline.explain.texts import Texts
    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.exact import ExactRule
    from cdp_pipeline.identity.model import LinkageModel

# Records of each customer that are compared with those of the other.
MOST_RECORDS = 60
# Evidence of fewer bits is not worth a word in a sentence.
WORTH_SAYING = 0.5
# Agreement of fewer bits is common.
RARE = 5.0
# Weights are kept to six digits.
_SAME_WEIGHT = 1e-4
# So many reasons for and against go into a sentence.
_MOST_SAID = 3


@dataclass(frozen=True)
class Missing:
    """A column in which agreement would help.

    Attributes
    ----------
    column, level
        The column and how far it agrees today.
    bits
        What the same rare value on both sides would add.
    total
        The weight it would lead to.
    is_enough
        Whether that reaches the threshold.
    """

    column: str
    level: str
    bits: float
    total: float
    is_enough: bool


@dataclass(frozen=True)
class Comparison:
    """Two records or customers, explained.

    Attributes
    ----------
    sentence
        One plain sentence.
    notes
        What else a reader should know, in sentences.
    is_joined
        Whether both are one customer.
    left, right
        The two records that were compared: those asked for, or the strongest pair of two customers.
    pair_count
        Pairs of records between what was asked for.
    start
        Weight before any comparison.
    steps
        The waterfall.
    weight, threshold
        Match weight of the two, and what it takes; None where the model holds rules only.
    path
        Links from one to the other, when joined.
    missing
        What would have been enough, when not.
    values
        What each side holds in each column, only when asked for: personal values.
    """

    sentence: str
    notes: Sequence[str]
    is_joined: bool
    customers: tuple[str, str]
    left: Record
    right: Record
    pair_count: int
    prior: float
    start: float | None
    steps: Sequence[Step]
    sides: dict[str, str]
    weight: float | None
    threshold: float
    path: Sequence[Link]
    names: dict[int, str]
    missing: Sequence[Missing]
    values: dict[str, tuple[str | None, str | None]] | None

    def as_dict(self, texts: Texts, rules: Sequence[ExactRule]) -> dict[str, Any]:
        """Return it for a machine."""
        return {
            "sentence": self.sentence,
            "notes": list(self.notes),
            "is_joined": self.is_joined,
            "customer_ids": list(self.customers),
            "records": [self.left.name, self.right.name],
            "pair_count": self.pair_count,
            "prior": self.prior,
            "start": self.start,
            "comparisons": [
                {**asdict(s), "missing_on": self.sides.get(s.column)} for s in self.steps
            ],
            "match_weight": self.weight,
            "threshold": self.threshold,
            "path": [link_dict(link, self.names, texts, rules) for link in self.path],
            "missing": [asdict(m) for m in self.missing],
            "values": self.values,
        }


@dataclass(frozen=True)
class _Between:
    """What lies between the records asked for."""

    scorer: Scorer
    left: Record
    right: Record
    all_pairs: Weighed
    weight: float | None
    rule: str | None
    stored: Sequence[Link]


def explain_pair(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    one: Found,
    other: Found,
    texts: Texts,
    *,
    with_values: bool = False,
) -> Comparison:
    """Explain why two records or customers are joined or not.

    Parameters
    ----------
    con
        Where the tables of ``records.TABLES`` can be read.
    one, other
        What to compare. Of two customers, the strongest pair of their records is shown.
    with_values
        Whether to return what both sides hold: personal values.
    """
    is_joined = one.customer_id == other.customer_id
    between = _between(con, model, columns, *_sides(con, one, other))
    whole = between
    if not is_joined and between.weight is not None and between.weight > model.threshold:
        # What keeps two such records apart is what the customers' other records say.
        both = Found(one.text, one.customer_id), Found(other.text, other.customer_id)
        whole = _between(con, model, columns, *_sides(con, *both))
    way, names = _path(con, model, one.customer_id, between) if is_joined else ([], {})
    weight = between.weight
    steps = between.scorer.waterfall(between.left.record_no, between.right.record_no)
    left, right = between.left.record_no, between.right.record_no
    mine, yours = between.scorer.holds(left), between.scorer.holds(right)
    return Comparison(
        sentence=(
            _joined_sentence(con, one, other, between, steps, way, model, texts)
            if is_joined
            else texts.say("apart", reason=_reason(between, whole, steps, columns, model, texts))
        ),
        notes=[*_decided(con, one, other, texts), *_notes(between, texts)],
        is_joined=is_joined,
        customers=(one.customer_id, other.customer_id),
        left=between.left,
        right=between.right,
        pair_count=len(between.all_pairs.odds),
        prior=prior_weight(model),
        start=None if weight is None else between.scorer.start(left, right),
        steps=steps,
        sides={s.column: _side(s.column, mine, yours) for s in steps if s.place == MISSING},
        weight=weight,
        threshold=model.threshold,
        path=way,
        names=names,
        missing=[] if is_joined or weight is None else _missing(between, steps, weight, model),
        values=_values(between, steps) if with_values else None,
    )


def _side(column: str, mine: set[str], yours: set[str]) -> str:
    """Return on which side a column is missing."""
    if column in mine:
        return "right"
    return "left" if column in yours else "both"


def _sides(
    con: duckdb.DuckDBPyConnection, one: Found, other: Found
) -> tuple[list[Record], list[Record]]:
    """Return the records to compare: the one named, or those of the customer."""
    sides: list[list[Record]] = []
    for found in (one, other):
        if found.record is not None:
            sides.append([found.record])
        else:
            mine = records.members(con, found.customer_id)
            sides.append([member.record for member in mine][:MOST_RECORDS])
    return sides[0], sides[1]


def _between(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    here: list[Record],
    there: list[Record],
) -> _Between:
    """Weigh all pairs between two sides, and choose the one to show."""
    pairs = [(a, b) for a in here for b in there if a != b] or [(here[0], here[0])]
    scorer = Scorer(con, model, columns, [r.record_no for pair in pairs for r in pair])
    weighed = scorer.weigh([(a.record_no, b.record_no) for a, b in pairs])
    best = int(np.argmax(np.nan_to_num(weighed.odds, nan=0.0)))
    left, right = pairs[best]
    rule = scorer.rule(left.record_no, right.record_no) if left != right else None
    weight = float(weighed.odds[best])
    stored = records.stored_between(con, [left.record_no], [right.record_no])
    return _Between(
        scorer=scorer,
        left=left,
        right=right,
        all_pairs=weighed,
        weight=None if np.isnan(weight) else weight,
        rule=rule.name if rule else None,
        stored=stored,
    )


def _path(
    con: duckdb.DuckDBPyConnection, model: LinkageModel, customer_id: str, between: _Between
) -> tuple[list[Link], dict[int, str]]:
    mine = records.members(con, customer_id)
    branches = tree_of(con, mine, rules_of(model))
    way = path(branches, between.left.record_no, between.right.record_no) or []
    return way, {m.record.record_no: m.record.name for m in mine}


def _joined_sentence(
    con: duckdb.DuckDBPyConnection,
    one: Found,
    other: Found,
    between: _Between,
    steps: Sequence[Step],
    way: Sequence[Link],
    model: LinkageModel,
    texts: Texts,
) -> str:
    """Say in one sentence why both are one customer."""
    if (found := one if one.alias else other).alias and not (one.record and other.record):
        event = next(
            a
            for a in records.aliases(con, found.customer_id)
            if a["alias_customer_id"] == found.alias
        )
        return texts.say(
            "alias_joined",
            alias=found.alias,
            customer=found.customer_id,
            day=event["since_on"],
            cause=event["cause"],
        )
    if one.record is None and other.record is None:
        count = len(records.members(con, one.customer_id))
        return texts.say("same_customer_id", customer=one.customer_id, count=count)
    if between.left == between.right:
        return texts.say("same_record", record=between.left.name)
    parts: dict[str, object] = {
        "one": one_of([between.left.kind, between.right.kind], texts),
        "records": texts.say("seen_in", left=between.left.name, right=between.right.name),
        "threshold": texts.number(model.threshold),
    }
    if between.scorer.is_copy(between.left.record_no, between.right.record_no):
        return texts.say("copy_joined", **parts)
    if between.rule is not None:
        return texts.say("rule_joined", **parts, rule=texts.rule(between.rule, rules_of(model)))
    if between.weight is None or between.weight <= model.threshold:
        parts["count"] = max(len(way) - 1, 0)
        if any(link.how == BY_DECISION for link in way) and between.weight is not None:
            return texts.say("steward_joined", **parts, weight=texts.number(between.weight))
        if between.weight is None or all(link.how != SCORED for link in way):
            return texts.say("through_joined_rules", **parts)
        return texts.say("through_joined", **parts, weight=texts.number(between.weight))
    agree, differ = reasons(steps, texts)
    parts |= {"weight": texts.number(between.weight), "agree": agree, "differ": differ}
    return texts.say("score_joined_but" if differ else "score_joined", **parts)


def _reason(
    between: _Between,
    whole: _Between,
    steps: Sequence[Step],
    columns: IdentityColumns,
    model: LinkageModel,
    texts: Texts,
) -> str:
    """Say why two are apart, after "They are not joined:"."""
    forbidden = _forbidden(between, whole, columns)
    if forbidden is not None:
        column, is_shown = forbidden
        key = "apart_forbidden" if is_shown else "apart_forbidden_records"
        return texts.say(key, column=texts.column(column))
    if between.weight is None:
        return texts.say("apart_rules_only")
    parts: dict[str, object] = {
        "weight": texts.number(between.weight),
        "threshold": texts.number(model.threshold),
    }
    if between.weight > model.threshold and not between.stored:
        return texts.say("apart_not_compared", **parts)
    if between.weight > model.threshold:
        own = _own_values(whole, columns)
        if own is not None:
            return texts.say("apart_own_values", column=texts.column(own))
        odds = whole.all_pairs.odds
        mean = texts.number(float(odds.mean()))
        return texts.say("apart_pooled", **parts, count=len(odds), mean=mean)
    agree, differ = reasons(steps, texts)
    parts |= {
        "short": texts.number(model.threshold - between.weight),
        "agree": agree,
        "differ": differ,
    }
    if agree and differ:
        key = "apart_differ"
    elif differ:
        key = "apart_only_differ"
    else:
        key = "apart_agree" if agree else "apart_nothing"
    said = texts.say(key, **parts)
    if max((step.bits for step in steps), default=0.0) < RARE:
        said += " " + texts.say("apart_nothing_rare")
    return said


def _own_values(whole: _Between, columns: IdentityColumns) -> str | None:
    """Return a column in which each customer has a value of their own, and not the same."""
    for position, name in enumerate(whole.scorer.names):
        column = columns.columns.get(name)
        levels = whole.all_pairs.levels[:, position]
        known = levels[levels != MISSING]
        if column is None or not column.contradicts or len(known) < ESTABLISHED**2:
            continue
        if (known == DIFFERENT).mean() >= DIFFERING:
            return name
    return None


def _forbidden(
    between: _Between, whole: _Between, columns: IdentityColumns
) -> tuple[str, bool] | None:
    """Return a column in which a difference alone keeps two apart, and whether it is shown."""
    names = between.scorer.names
    shown = (between.left.record_no, between.right.record_no)
    weighed = whole.all_pairs
    for position, name in enumerate(names):
        column = columns.columns.get(name)
        if column is None or column.per_person != "one" or column.exactness != "exact":
            continue
        rows = np.flatnonzero(weighed.levels[:, position] == DIFFERENT)
        if len(rows):
            pairs = {(int(weighed.left[r]), int(weighed.right[r])) for r in rows}
            return name, (min(shown), max(shown)) in pairs
    return None


def reasons(steps: Sequence[Step], texts: Texts) -> tuple[str, str]:
    """Return what speaks for and against, strongest first, each as a list in words."""
    sides = []
    for sign in (1, -1):
        said = [s for s in steps if s.place != MISSING and s.bits * sign >= WORTH_SAYING]
        said.sort(key=lambda s: (-s.bits * sign, s.column))
        words = dict.fromkeys(texts.agreement(s.column, s.level) for s in said)
        sides.append(texts.listed(list(words)[:_MOST_SAID]))
    return sides[0], sides[1]


def _decided(con: duckdb.DuckDBPyConnection, one: Found, other: Found, texts: Texts) -> list[str]:
    """Return which decisions keep two customers apart."""
    if one.customer_id == other.customer_id:
        return []
    found = records.kept_apart_by(con, one.customer_id, other.customer_id)
    return [texts.say("steward_apart", decision=decision) for decision in found]


def _notes(between: _Between, texts: Texts) -> list[str]:
    """Return what else matters: values that too many hold, a model without weights."""
    left, right = between.left.record_no, between.right.record_no
    notes = []
    if between.weight is None:
        notes.append(texts.say("no_model"))
    for link in between.stored:
        if link.weight is None or between.weight is None:
            continue
        if abs(link.weight - between.weight) > _SAME_WEIGHT:
            notes.append(texts.say("stale", stored=texts.number(link.weight)))
    if left != right:
        mine, yours = between.scorer.shared_values(left), between.scorer.shared_values(right)
        held = between.scorer.values(left), between.scorer.values(right)
        notes += [
            texts.say("shared", column=texts.column(name), count=mine[name])
            for name in sorted(mine.keys() & yours.keys())
            if held[0].get(name) == held[1].get(name)
        ]
    return notes


def _missing(
    between: _Between, steps: Sequence[Step], weight: float, model: LinkageModel
) -> list[Missing]:
    """Return what agreement in each column would bring, the most first."""
    level = {step.column: step.level for step in steps}
    found = between.scorer.if_same(between.left.record_no, between.right.record_no)
    rows = [
        Missing(name, level[name], round(total - weight, 6), total, total > model.threshold)
        for name, total in found.items()
        if total - weight >= WORTH_SAYING
    ]
    return sorted(rows, key=lambda row: (-row.bits, row.column))


def _values(between: _Between, steps: Sequence[Step]) -> dict[str, tuple[str | None, str | None]]:
    mine = between.scorer.values(between.left.record_no)
    yours = between.scorer.values(between.right.record_no)
    return {s.column: (mine.get(s.column), yours.get(s.column)) for s in steps}
