"""Which stewards' decisions stand, and which cannot be obeyed.

Belongs here: decisions against each other and against the data, on plain values. Does not belong
here: their files (``ingest.decisions``), or what they do to clusters (``constrain``).

A decision holds as a whole or not at all. Always-match decisions carry on: a is b and b is c says
that a is c, also through records that are no longer delivered. Where they meet a never-match, or
records that cannot be one customer, all decisions on the way between the two records contradict
each other: none is obeyed, unless the newest says that it overrides the others.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Key = tuple[str, str]
ALWAYS = "always_match"
NEVER = "never_match"


@dataclass(frozen=True)
class Decision:
    """A decision: what it says of which pairs of records.

    Attributes
    ----------
    overrides
        Whether it holds against older decisions and against the data that contradict it.
    withdrawal_id
        The later decision that takes it back.
    """

    decision_id: str
    decision: str
    pairs: tuple[tuple[Key, Key], ...]
    decided_at: dt.datetime | None = None
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None
    overrides: bool = False
    withdrawal_id: str | None = None

    @property
    def records(self) -> frozenset[Key]:
        """Every record it names."""
        return frozenset(key for pair in self.pairs for key in pair)


@dataclass(frozen=True)
class Known:
    """What is known of a delivered record that a decision names.

    Attributes
    ----------
    record_no
        Its number.
    cluster
        The cluster it is in by linking alone.
    node
        Equal for records that are equal in every identity column.
    own
        What it holds in the columns of which a person has one for life.
    """

    record_no: int
    cluster: int
    node: int
    own: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What became of a decision: a state, and why in words."""

    decision: Decision
    state: str
    reason: str

    @property
    def is_obeyed(self) -> bool:
        """Whether it is in force."""
        return self.state == "obeyed"


@dataclass(frozen=True)
class _Conflict:
    """Decisions that cannot all hold.

    Attributes
    ----------
    always
        The always-match decisions on the way between two records.
    never
        The never-match decision that keeps these apart; None where the data do.
    why
        What the data say.
    """

    always: frozenset[str]
    never: str | None
    why: str = ""


def judge(
    decisions: Iterable[Decision],
    known: Mapping[Key, Known],
    day: dt.date,
    clean_sources: Sequence[str] = (),
) -> list[Judged]:
    """Return what becomes of each decision, in order of their ids.

    Parameters
    ----------
    known
        The delivered records among those that decisions name.
    day
        The day for which the run is made.
    clean_sources
        Sources declared to hold one record per customer.
    """
    judged: dict[str, Judged] = {}
    standing: dict[str, Decision] = {}
    for decision in sorted(decisions, key=lambda d: d.decision_id):
        refused = _refused_alone(decision, known, day)
        if refused is None:
            standing[decision.decision_id] = decision
        else:
            judged[decision.decision_id] = Judged(decision, *refused)
    for decision_id, refused in _contradicted(standing, known, clean_sources).items():
        judged[decision_id] = Judged(standing.pop(decision_id), *refused)
    said: dict[tuple[str, tuple[tuple[Key, Key], ...]], str] = {}
    groups = groups_of(standing.values())
    delivered = Counter(group for key, group in groups.items() if key in known)
    for decision_id, decision in standing.items():
        # A record that is no longer delivered still says that those beside it are one customer.
        if decision.decision == ALWAYS and all(
            delivered[groups[key]] < 2 for key in decision.records
        ):
            judged[decision_id] = Judged(decision, *_unknown(decision, known))
        else:
            judged[decision_id] = Judged(decision, "obeyed", _remark(decision, known, said))
    return [judged[decision_id] for decision_id in sorted(judged)]


def groups_of(decisions: Iterable[Decision]) -> dict[Key, Key]:
    """Return for each record of always-match decisions the smallest one it is one customer with."""
    groups: dict[Key, Key] = {}
    for decision in decisions:
        if decision.decision == ALWAYS:
            for one, other in decision.pairs:
                a, b = top(groups, one), top(groups, other)
                groups[max(a, b)] = min(a, b)
    return {key: top(groups, key) for key in list(groups)}


def top(groups: dict[Key, Key], key: Key) -> Key:
    """Return what stands for a record's group."""
    while (above := groups.setdefault(key, key)) != key:
        groups[key] = groups.setdefault(above, above)
        key = groups[key]
    return key


def between(
    decisions: Iterable[Decision], some: Iterable[Key], others: Iterable[Key]
) -> frozenset[str]:
    """Return every always-match decision that has to go so that no way leads from one to other."""
    left = {d.decision_id: d for d in decisions if d.decision == ALWAYS}
    some, others = sorted(set(some)), frozenset(others)
    gone: set[str] = set()
    while True:
        steps = _steps(left.values())
        ways = (_way(steps, key, others) for key in some)
        found = next((way for way in ways if way is not None), None)
        if found is None:
            return frozenset(gone)
        gone |= found
        for decision_id in found:
            del left[decision_id]


def _refused_alone(
    decision: Decision, known: Mapping[Key, Known], day: dt.date
) -> tuple[str, str] | None:
    """Return why a decision cannot be obeyed whatever the others say."""
    if decision.withdrawal_id is not None:
        return "withdrawn", f"taken back by {decision.withdrawal_id}"
    if decision.valid_from is not None and decision.valid_from > day:
        return "not_yet_valid", f"it is valid from {decision.valid_from}"
    if decision.valid_until is not None and decision.valid_until < day:
        return "expired", f"it was valid until {decision.valid_until}"
    if decision.decision == ALWAYS:
        return None
    whole = [p for p in decision.pairs if p[0] in known and p[1] in known]
    if not whole:
        return _unknown(decision, known)
    if decision.decision == NEVER and not decision.overrides:
        for one, other in whole:
            if known[one].node == known[other].node:
                return (
                    "contradicts_data",
                    f"{_name(one)} and {_name(other)} are equal in every identifier",
                )
    return None


def _unknown(decision: Decision, known: Mapping[Key, Known]) -> tuple[str, str]:
    absent = sorted(decision.records - known.keys())
    return "unknown_records", f"no source delivers {_listed(absent)}"


def _contradicted(
    decisions: Mapping[str, Decision], known: Mapping[Key, Known], clean: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Return the decisions that contradict others or the data, with state and reason."""
    left = dict(decisions)
    out: dict[str, tuple[str, str]] = {}
    while conflicts := _conflicts(left, known, clean):
        won: dict[str, tuple[str, str]] = {}
        for conflict in conflicts:
            ids = conflict.always | ({conflict.never} if conflict.never else frozenset())
            winner = _winner([left[i] for i in ids])
            if winner is None or conflict.never is None:
                continue
            losers = conflict.always if winner == conflict.never else frozenset({conflict.never})
            for loser in sorted(losers):
                won.setdefault(loser, ("overridden", f"{winner} is newer and overrides it"))
        # What an overriding decision removes cannot drag others down with it.
        removed = won or _both_out(conflicts)
        out |= removed
        left = {i: d for i, d in left.items() if i not in removed}
    return out


def _both_out(conflicts: Sequence[_Conflict]) -> dict[str, tuple[str, str]]:
    """Return the decisions of conflicts that nobody wins: none of them is obeyed."""
    removed: dict[str, tuple[str, str]] = {}
    for conflict in conflicts:
        if conflict.never is None:
            for decision_id in sorted(conflict.always):
                way = "" if len(conflict.always) == 1 else f", by way of {_ids(conflict.always)}"
                removed.setdefault(decision_id, ("contradicts_data", f"{conflict.why}{way}"))
            continue
        said = f"neither it nor {{}} is obeyed: they contradict each other{_HOW_TO_WIN}"
        for decision_id in sorted(conflict.always):
            removed.setdefault(decision_id, ("contradicted", said.format(conflict.never)))
        told = said.format(_ids(conflict.always))
        removed.setdefault(conflict.never, ("contradicted", told))
    return removed


_HOW_TO_WIN = ", and the newest does not say that it overrides"


def _conflicts(
    decisions: Mapping[str, Decision], known: Mapping[Key, Known], clean: Sequence[str]
) -> list[_Conflict]:
    """Return what cannot all hold, each with one shortest way between the two records."""
    groups = groups_of(decisions.values())
    steps = _steps(decisions.values())
    found: list[_Conflict] = []
    for decision_id, decision in decisions.items():
        if decision.decision != NEVER:
            continue
        for one, other in decision.pairs:
            if one in groups and groups[one] == groups.get(other):
                way = _way(steps, one, frozenset((other,))) or frozenset()
                found.append(_Conflict(way, decision_id))
    members: dict[Key, list[Key]] = {}
    for key, group in sorted(groups.items()):
        if key in known:
            members.setdefault(group, []).append(key)
    for keys in members.values():
        found += _against_data(keys, known, clean, decisions, steps)
    return found


def _against_data(
    keys: Sequence[Key],
    known: Mapping[Key, Known],
    clean: Sequence[str],
    decisions: Mapping[str, Decision],
    steps: Mapping[Key, Sequence[tuple[Key, str | None]]],
) -> list[_Conflict]:
    """Return where the data say that records of one group are not one customer."""
    found: list[_Conflict] = []
    # Records that linking joins already are one customer whatever a decision adds.
    together: dict[int, list[Key]] = {}
    for key in keys:
        together.setdefault(known[key].cluster, []).append(key)
    walkable = _with_clusters(steps, together)
    parts = [together[cluster] for cluster in sorted(together)]
    for place, part in enumerate(parts):
        for other in parts[place + 1 :]:
            for one, two, why in _differences(part, other, known, clean):
                way = _way(walkable, one, frozenset((two,))) or frozenset()
                if way and not _is_waived([decisions[i] for i in way]):
                    found.append(_Conflict(way, None, why))
    return found


def _differences(
    part: Sequence[Key], other: Sequence[Key], known: Mapping[Key, Known], clean: Sequence[str]
) -> list[tuple[Key, Key, str]]:
    found = []
    columns = sorted({c for key in (*part, *other) for c in known[key].own})
    for column in columns:
        mine = {known[k].own[column]: k for k in reversed(part) if column in known[k].own}
        yours = {known[k].own[column]: k for k in reversed(other) if column in known[k].own}
        if mine and yours and not mine.keys() & yours.keys():
            one, two = min(mine.values()), min(yours.values())
            found.append((one, two, f"{_name(one)} and {_name(two)} differ in {_spoken(column)}"))
    for source in clean:
        ones = [k for k in part if k[0] == source]
        twos = [k for k in other if k[0] == source]
        if ones and twos:
            why = (
                f"{_name(ones[0])} and {_name(twos[0])} are both of {source}, which is declared to"
                " hold one record per customer"
            )
            found.append((ones[0], twos[0], why))
    return found


def _is_waived(decisions: Sequence[Decision]) -> bool:
    """Return whether the newest of these decisions says that it overrides the data."""
    return _winner(decisions) is not None


def _winner(decisions: Sequence[Decision]) -> str | None:
    """Return the newest decision where it overrides; None where no one is newest or it does not."""
    dated = [(d.decided_at or _UNDATED, d.decision_id, d) for d in decisions]
    newest = max(at for at, _, _ in dated)
    last = [d for at, _, d in dated if at == newest]
    return last[0].decision_id if len(last) == 1 and last[0].overrides else None


def _steps(decisions: Iterable[Decision]) -> dict[Key, list[tuple[Key, str | None]]]:
    """Return from each record the records that a decision says are the same customer."""
    steps: dict[Key, list[tuple[Key, str | None]]] = {}
    for decision in decisions:
        if decision.decision == ALWAYS:
            for one, other in decision.pairs:
                steps.setdefault(one, []).append((other, decision.decision_id))
                steps.setdefault(other, []).append((one, decision.decision_id))
    for ways in steps.values():
        ways.sort(key=lambda step: (step[0], step[1] or ""))
    return steps


def _with_clusters(
    steps: Mapping[Key, Sequence[tuple[Key, str | None]]],
    together: Mapping[int, Sequence[Key]],
) -> dict[Key, list[tuple[Key, str | None]]]:
    """Return the steps with those between records that linking joins; they need no decision."""
    more = {key: list(ways) for key, ways in steps.items()}
    for keys in together.values():
        for one, other in zip(keys, keys[1:], strict=False):
            more.setdefault(one, []).insert(0, (other, None))
            more.setdefault(other, []).insert(0, (one, None))
    return more


def _way(
    steps: Mapping[Key, Sequence[tuple[Key, str | None]]], start: Key, ends: frozenset[Key]
) -> frozenset[str] | None:
    """Return the decisions on a shortest way to one of the ends; None where there is none."""
    came: dict[Key, tuple[Key, str | None] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        key = waiting.popleft()
        if key in ends:
            on_the_way: set[str] = set()
            while (step := came[key]) is not None:
                key = step[0]
                if step[1] is not None:
                    on_the_way.add(step[1])
            return frozenset(on_the_way)
        for following, decision_id in steps.get(key, ()):
            if following not in came:
                came[following] = (key, decision_id)
                waiting.append(following)
    return None


def _remark(
    decision: Decision,
    known: Mapping[Key, Known],
    said: dict[tuple[str, tuple[tuple[Key, Key], ...]], str],
) -> str:
    """Return what is worth knowing of a decision that is obeyed."""
    remarks = []
    first = said.setdefault(
        (decision.decision, tuple(sorted(decision.pairs))), decision.decision_id
    )
    if first != decision.decision_id:
        remarks.append(f"{first} says the same")
    if absent := sorted(decision.records - known.keys()):
        remarks.append(f"no source delivers {_listed(absent)}")
    return "; ".join(remarks)


def _listed(keys: Sequence[Key]) -> str:
    shown = ", ".join(_name(key) for key in keys[:5])
    return shown if len(keys) <= 5 else f"{shown} and {len(keys) - 5} more"


def _ids(decisions: Iterable[str]) -> str:
    return ", ".join(sorted(decisions))


def _name(key: Key) -> str:
    return f"{key[0]}:{key[1]}"


_UNDATED = dt.datetime(1, 1, 1)  # noqa: DTZ001  times of decisions are UTC without a zone
_SPOKEN = {
    "birth_on": "birth date",
    "national_id": "national id",
    "organisation_number": "organisation number",
}


def _spoken(column: str) -> str:
    return _SPOKEN.get(column, column.replace("_", " "))
