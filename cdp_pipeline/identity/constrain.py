"""Clusters that keep what was decided: always together, never together, one record per source.

Belongs here: taking the clusters of linking apart and together so that the constraints hold, and
the report of what each decision did. Does not belong here: which decisions stand (``decisions``),
or linking itself.

A cluster that a constraint forbids is taken apart along its weakest links: its records start
apart, what was decided to be one is one, and the strongest links join what may be joined, until
none is left that linking would have joined by itself. Everything else stays as linking left it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from cdp_pipeline.identity.decisions import (
    ALWAYS,
    NEVER,
    Decision,
    Judged,
    Key,
    Known,
    groups_of,
    judge,
)
from cdp_pipeline.identity.sql import number, rows

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.identity.columns import IdentityColumns

# Weights (log2 odds, prior included) of pairs of record numbers; nan where there is no model.
Weigh = Callable[[Sequence[tuple[int, int]]], Sequence[float]]
BY_DECISION = "steward decision"
ONE_PER_SOURCE = "rule: one record per customer in"
_COPY = "same in every column"
# Links that linking takes for certain, above any weight: equal records, then exact rules.
_COPY_STRENGTH = 1e6
_RULE_STRENGTH = 1e3
# A cluster with more records is weighed by what linking stored of it.
_LARGEST_WEIGHED = 400


@dataclass(frozen=True)
class _Edge:
    left: int
    right: int
    strength: float
    how: str
    probability: float


@dataclass
class _Parts:
    """Records on their way into parts: who is with whom, and who may not be."""

    parent: dict[int, int] = field(default_factory=dict)
    enemies: dict[int, set[int]] = field(default_factory=dict)
    sources: dict[int, Counter[str]] = field(default_factory=dict)

    def top(self, record: int) -> int:
        """Return what stands for a record's part."""
        while (above := self.parent.setdefault(record, record)) != record:
            self.parent[record] = self.parent.setdefault(above, above)
            record = self.parent[record]
        return record

    def may_join(self, one: int, other: int) -> bool:
        """Return whether two parts may be one."""
        a, b = self.top(one), self.top(other)
        if b in self.enemies.get(a, ()):
            return False
        return not (self.sources.get(a, Counter()) & self.sources.get(b, Counter()))

    def join(self, one: int, other: int) -> None:
        """Make two parts one."""
        a, b = sorted((self.top(one), self.top(other)))
        if a == b:
            return
        self.parent[b] = a
        hostile = self.enemies.pop(b, set())
        for enemy in hostile:
            self.enemies[enemy].discard(b)
            self.enemies[enemy].add(a)
        self.enemies.setdefault(a, set()).update(hostile)
        self.sources.setdefault(a, Counter()).update(self.sources.pop(b, Counter()))

    def set_apart(self, one: int, other: int) -> None:
        """Never let two parts become one."""
        a, b = self.top(one), self.top(other)
        self.enemies.setdefault(a, set()).add(b)
        self.enemies.setdefault(b, set()).add(a)


def constrain(
    con: duckdb.DuckDBPyConnection,
    columns: IdentityColumns,
    *,
    threshold: float,
    rules: Sequence[str],
    clean_sources: Sequence[str],
    weigh: Weigh,
) -> dict[str, str]:
    """Make the clusters keep what was decided and declared.

    Reads ``identity.linked_clusters``, ``identity.record_pairs``,
    ``identity.standardised_records``, ``identity.standardised_attributes``,
    ``sources.steward_decisions`` and ``sources.run_clock``.

    Parameters
    ----------
    threshold
        Log2 odds from which linking takes two records for one customer.
    rules
        Names of the exact rules, strongest first.
    clean_sources
        Sources declared to hold one record per customer.
    weigh
        What the model makes of any pairs of records.

    Returns
    -------
    dict
        ``identity.record_clusters``, ``identity.decided_pairs`` and ``identity.decision_report``.
    """
    decisions = _decisions(con)
    known = known_records(con, decisions, columns)
    day = rows(con, "select as_of_on from sources.run_clock")[0][0]
    judged = judge(decisions, known, day, clean_sources)
    standing = [j.decision for j in judged if j.is_obeyed]
    changes = _Changes(con, known, standing, clean_sources, threshold, rules, weigh)
    changes.work_out()
    _register(con, "identity_changes", _changes_table(changes))
    _register(con, "identity_decided", _pairs_table(judged, known))
    _register(con, "identity_report", _report_table(judged, known, changes))
    return {
        "identity.record_clusters": _RECORD_CLUSTERS,
        "identity.decided_pairs": "select * from identity_decided",
        "identity.decision_report": _REPORT,
    }


def _decisions(con: duckdb.DuckDBPyConnection) -> list[Decision]:
    """Return the decisions of the files, their pairs put together."""
    found: dict[str, Decision] = {}
    for row in rows(
        con,
        """select decision_id, decision, decided_at, valid_from, valid_until, overrides,
            withdrawal_id,
            list((source, record_id, other_source, other_record_id)
                order by source, record_id, other_source, other_record_id) as pairs
        from sources.steward_decisions group by all order by decision_id""",
    ):
        pairs = tuple(((a, b), (c, d)) for a, b, c, d in row[7])
        found[row[0]] = Decision(row[0], row[1], pairs, row[2], row[3], row[4], row[5], row[6])
    return list(found.values())


def known_records(
    con: duckdb.DuckDBPyConnection, decisions: Sequence[Decision], columns: IdentityColumns
) -> dict[Key, Known]:
    """Return what is known of the delivered records that decisions name."""
    if not decisions:
        return {}
    keys = sorted({key for decision in decisions for key in decision.records})
    _register(
        con,
        "identity_named",
        pa.table({"source": [k[0] for k in keys], "record_id": [k[1] for k in keys]}),
    )
    held = set(con.table("identity.standardised_records").columns)
    mine = [name for name in columns.columns if name in held]
    own = [n for n, c in columns.columns.items() if c.per_person == "one"]
    telling = [
        f"r.{n}"
        for n, c in columns.columns.items()
        if n in held and (c.per_person == "one" or c.shared_by != "many")
    ]
    same = ", ".join(["r.kind", *(f"r.{name}" for name in mine), "cast(a.held as varchar)"])
    says_who = " or ".join(f"{name} is not null" for name in [*telling, "a.held"])
    attributes = "map_from_entries(list((a.identity_column, a.value) order by a.identity_column))"
    found = rows(
        con,
        f"""select r.source, r.record_id, r.record_no, l.cluster_no,
            -- Two records that are equal because both say next to nothing are not one customer.
            case when {says_who} then min(r.record_no) over (partition by {same})
                else r.record_no end as node,
            a.held, {", ".join(f"cast(r.{n} as varchar)" for n in own if n in mine) or "null"}
        from identity.standardised_records as r
        inner join identity_named as n using (source, record_id)
        inner join identity.linked_clusters as l on r.record_no = l.record_no
        left join (
            select record_no, {attributes} as held
            from identity.standardised_attributes as a group by record_no
        ) as a on r.record_no = a.record_no
        order by r.record_no""",
    )
    known = {}
    for source, record_id, record_no, cluster, node, held_attributes, *values in found:
        names = [n for n in own if n in mine]
        held_own = {n: v for n, v in zip(names, values, strict=False) if v is not None}
        for name, value in (held_attributes or {}).items():
            if name in own and value is not None:
                held_own[name] = value
        known[source, record_id] = Known(record_no, cluster, node, held_own)
    return known


class _Changes:
    """What the constraints change in the clusters of linking.

    Attributes
    ----------
    cluster_of
        New cluster of each record of a cluster that changed.
    by
        What changed it: a steward's decision or a declared rule.
    how
        What ties a record to its part, where that is not what linking said.
    over_full
        In how many customers of linking a clean source had several records.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        known: Mapping[Key, Known],
        standing: Sequence[Decision],
        clean_sources: Sequence[str],
        threshold: float,
        rules: Sequence[str],
        weigh: Weigh,
    ) -> None:
        self.con = con
        self.known = known
        self.standing = standing
        self.clean = tuple(clean_sources)
        self.threshold = threshold
        self.rules = {name: place for place, name in enumerate(rules)}
        self.weigh = weigh
        self.cluster_of: dict[int, int] = {}
        self.by: dict[int, str] = {}
        self.how: dict[int, tuple[str, float]] = {}
        self.over_full: Counter[str] = Counter()
        self.source: dict[int, str] = {}
        self.linked: dict[int, int] = {}
        self.linked_how: dict[int, str] = {}

    def work_out(self) -> None:
        """Find what has to change."""
        same, apart = self._same(), self._apart()
        affected = {c for one, other, _ in (*same, *apart) for c in self._clusters(one, other)}
        affected |= self._over_full()
        if not affected:
            return
        members = self._members(affected)
        united = _united(members, same, self.cluster_no)
        whole = {top: [r for c in clusters for r in members[c]] for top, clusters in united.items()}
        top_of = {record: top for top, records in whole.items() for record in records}
        joined: dict[int, list[tuple[int, int, str]]] = {}
        for link in same:
            joined.setdefault(top_of[link[0]], []).append(link)
        kept: dict[int, list[tuple[int, int, str]]] = {}
        for link in apart:
            if top_of[link[0]] == top_of[link[1]]:
                kept.setdefault(top_of[link[0]], []).append(link)
        over_full = self._over_full_of(whole, same)
        broken = kept.keys() | over_full.keys()
        edges: dict[int, list[_Edge]] = {}
        for edge in self._edges({c for top in broken for c in united[top]}, members):
            edges.setdefault(top_of[edge.left], []).append(edge)
        for top, records in sorted(whole.items()):
            mine = joined.get(top, [])
            if top in broken:
                self._take_apart(records, mine, kept.get(top, []), edges.get(top, []))
                self._note_causes(records, mine, kept.get(top, []), over_full.get(top, []))
            elif len(united[top]) > 1:
                self._unite(records, mine)

    def _same(self) -> list[tuple[int, int, str]]:
        """Return pairs of record numbers that are one customer, with who says so."""
        always = [d for d in self.standing if d.decision == ALWAYS]
        groups = groups_of(always)
        said: dict[Key, str] = {}
        for decision in always:
            for key in decision.records:
                said[key] = min(said.get(key, decision.decision_id), decision.decision_id)
        first: dict[Key, int] = {}
        found = []
        for key, group in sorted(groups.items()):
            if key in self.known:
                record = self.known[key].record_no
                if first.setdefault(group, record) != record:
                    found.append((first[group], record, f"steward: {said[key]}"))
        return found

    def _apart(self) -> list[tuple[int, int, str]]:
        """Return pairs of record numbers that are never one customer, with who says so."""
        return [
            (self.known[a].record_no, self.known[b].record_no, f"steward: {d.decision_id}")
            for d in self.standing
            if d.decision == NEVER
            for a, b in d.pairs
            if a in self.known and b in self.known
        ]

    @property
    def cluster_no(self) -> dict[int, int]:
        """The cluster of linking of each record that a decision names."""
        return {k.record_no: k.cluster for k in self.known.values()}

    def _clusters(self, *records: int) -> set[int]:
        cluster = self.cluster_no
        return {cluster[record] for record in records}

    def _over_full(self) -> set[int]:
        """Return the clusters of linking with several records of a source that is clean."""
        if not self.clean:
            return set()
        _register(self.con, "identity_clean", pa.table({"source": list(self.clean)}))
        found = rows(
            self.con,
            """select distinct l.cluster_no from identity.linked_clusters as l
            inner join identity.standardised_records as r on l.record_no = r.record_no
            inner join identity_clean as c on r.source = c.source
            group by l.cluster_no, r.source having count(*) > 1""",
        )
        return {cluster for (cluster,) in found}

    def _members(self, clusters: set[int]) -> dict[int, list[int]]:
        """Return the records of clusters, and note the sources of those that are clean."""
        _register(
            self.con,
            "identity_affected",
            pa.table({"cluster_no": pa.array(sorted(clusters), pa.int32())}),
        )
        found = rows(
            self.con,
            """select l.cluster_no, l.record_no, r.source, l.how
            from identity.linked_clusters as l
            inner join identity_affected as a using (cluster_no)
            inner join identity.standardised_records as r on l.record_no = r.record_no
            order by l.record_no""",
        )
        members: dict[int, list[int]] = {}
        for cluster, record, source, how in found:
            members.setdefault(cluster, []).append(record)
            self.linked[record] = cluster
            self.linked_how[record] = how
            if source in self.clean:
                self.source[record] = source
        return members

    def _over_full_of(
        self, whole: Mapping[int, Sequence[int]], same: Sequence[tuple[int, int, str]]
    ) -> dict[int, list[str]]:
        """Return the united clusters with several records of a clean source, and which sources.

        Records that a decision makes one count once: an override says that they may be.
        """
        group = {record: first for first, record, _ in same}
        found: dict[int, list[str]] = {}
        for top, records in whole.items():
            items = {(self.source[r], group.get(r, r)) for r in records if r in self.source}
            counts = Counter(source for source, _ in items)
            if several := sorted(source for source, count in counts.items() if count > 1):
                found[top] = several
        return found

    def _edges(self, clusters: set[int], members: Mapping[int, Sequence[int]]) -> list[_Edge]:
        """Return the links inside clusters that linking would have joined by, strongest first."""
        if not clusters:
            return []
        ties = self._exact_ties(clusters)
        wanted = [
            (a, b)
            for cluster in sorted(clusters)
            if len(members[cluster]) <= _LARGEST_WEIGHED
            for place, a in enumerate(members[cluster])
            for b in members[cluster][place + 1 :]
        ]
        weights = dict(zip(wanted, self.weigh(wanted), strict=True)) if wanted else {}
        weights |= {pair: w for pair, w in self._stored().items() if pair not in weights}
        edges = []
        for pair in sorted(weights.keys() | ties.keys()):
            weight = weights.get(pair, float("nan"))
            is_weighed = weight == weight
            if pair in ties:
                base = _COPY_STRENGTH if ties[pair] == _COPY else _RULE_STRENGTH
                # Among exact ties of one cluster the weight says which holds least.
                rank = weight if is_weighed else -float(self.rules.get(ties[pair], 0))
                edges.append(_Edge(*pair, base + rank, ties[pair], 1.0))
            elif is_weighed and weight > self.threshold:
                probability = round(1 / (1 + 2.0 ** -max(min(weight, 60.0), -60.0)), 6)
                edges.append(_Edge(*pair, weight, "scored", probability))
        return sorted(edges, key=lambda e: (-round(e.strength, 6), e.left, e.right))

    def _exact_ties(self, clusters: set[int]) -> dict[tuple[int, int], str]:
        """Return exact ties; two records tied to a third by one rule are tied by it as well."""
        _register(
            self.con,
            "identity_affected",
            pa.table({"cluster_no": pa.array(sorted(clusters), pa.int32())}),
        )
        found = rows(
            self.con,
            """select p.left_record_no, p.right_record_no, p.how
            from identity.record_pairs as p
            inner join identity.linked_clusters as l on p.left_record_no = l.record_no
            inner join identity_affected as a on l.cluster_no = a.cluster_no
            where p.how <> 'scored' order by all""",
        )
        ties: dict[tuple[int, int], str] = {}
        stars: dict[tuple[int, str], list[int]] = {}
        for left, right, how in found:
            self._keep_stronger(ties, (left, right), how)
            stars.setdefault((left, how), []).append(right)
        for (_, how), around in sorted(stars.items()):
            if len(around) <= _LARGEST_WEIGHED:
                for place, one in enumerate(around):
                    for other in around[place + 1 :]:
                        self._keep_stronger(ties, (min(one, other), max(one, other)), how)
        return ties

    def _keep_stronger(
        self, ties: dict[tuple[int, int], str], pair: tuple[int, int], how: str
    ) -> None:
        before = ties.get(pair)
        if before is None or self._rank(how) < self._rank(before):
            ties[pair] = how

    def _rank(self, how: str) -> int:
        return -1 if how == _COPY else self.rules.get(how, len(self.rules))

    def _stored(self) -> dict[tuple[int, int], float]:
        """Return the weights that linking stored of pairs inside the affected clusters."""
        found = rows(
            self.con,
            """select p.left_record_no, p.right_record_no, max(p.match_weight)
            from identity.record_pairs as p
            inner join identity.linked_clusters as l on p.left_record_no = l.record_no
            inner join identity_affected as a on l.cluster_no = a.cluster_no
            inner join identity.linked_clusters as r
                on p.right_record_no = r.record_no and l.cluster_no = r.cluster_no
            where p.how = 'scored' group by all order by all""",
        )
        return {(left, right): weight for left, right, weight in found}

    def _take_apart(
        self,
        records: Sequence[int],
        same: Sequence[tuple[int, int, str]],
        apart: Sequence[tuple[int, int, str]],
        edges: Sequence[_Edge],
    ) -> None:
        """Let the strongest links join what may be joined."""
        parts = _Parts()
        for record in records:
            parts.top(record)
        for one, other, _ in same:
            parts.join(one, other)
        for record in records:
            if record in self.source:
                # Records that are one by decision count once.
                parts.sources.setdefault(parts.top(record), Counter())[self.source[record]] = 1
        for one, other, _ in apart:
            parts.set_apart(one, other)
        held: dict[int, _Edge] = {}
        for edge in edges:
            # Between clusters of linking only decisions join.
            if self.linked[edge.left] != self.linked[edge.right]:
                continue
            if parts.top(edge.left) != parts.top(edge.right):
                if not parts.may_join(edge.left, edge.right):
                    continue
                parts.join(edge.left, edge.right)
            held.setdefault(edge.left, edge)
            held.setdefault(edge.right, edge)
        self._note_parts(records, parts, held)

    def _note_parts(self, records: Sequence[int], parts: _Parts, held: Mapping[int, _Edge]) -> None:
        """Note the part of each record, and what ties it to it."""
        sizes = Counter(parts.top(record) for record in records)
        smallest: dict[int, int] = {}
        for record in records:
            top = parts.top(record)
            self.cluster_of[record] = smallest.setdefault(top, record)
            edge = held.get(record)
            if sizes[top] == 1:
                self.how[record] = ("single", 1.0)
            elif edge is None:
                self.how[record] = (BY_DECISION, 1.0)
            else:
                self.how[record] = (edge.how, edge.probability)

    def _note_causes(
        self,
        records: Sequence[int],
        same: Sequence[tuple[int, int, str]],
        apart: Sequence[tuple[int, int, str]],
        over_full: Sequence[str],
    ) -> None:
        """Note what took the records apart: the decision about a record, else any, else a rule."""
        decided = {r: by for one, other, by in (*same, *apart) for r in (one, other)}
        first = min(decided.values(), default=f"{ONE_PER_SOURCE} {', '.join(over_full)}")
        for record in records:
            self.by[record] = decided.get(record, first)
        self.over_full.update(over_full)

    def _unite(self, records: Sequence[int], same: Sequence[tuple[int, int, str]]) -> None:
        """Make whole clusters one."""
        says = {r: by for one, other, by in reversed(same) for r in (one, other)}
        first = min(says.values())
        by_cluster = {self.linked[r]: by for r, by in sorted(says.items(), reverse=True)}
        for record in records:
            self.cluster_of[record] = min(records)
            self.by[record] = says.get(record) or by_cluster.get(self.linked[record], first)
            if self.linked_how[record] == "single":
                self.how[record] = (BY_DECISION, 1.0)


def _united(
    members: Mapping[int, Sequence[int]],
    same: Iterable[tuple[int, int, str]],
    cluster_no: Mapping[int, int],
) -> dict[int, list[int]]:
    """Return the clusters of linking that decisions make one, by the first of each."""
    parts = _Parts()
    for cluster in members:
        parts.top(cluster)
    for one, other, _ in same:
        parts.join(cluster_no[one], cluster_no[other])
    united: dict[int, list[int]] = {}
    for cluster in sorted(members):
        united.setdefault(parts.top(cluster), []).append(cluster)
    return united


def _changes_table(changes: _Changes) -> pa.Table:
    records = sorted(changes.cluster_of)
    how = [changes.how.get(r, (None, None)) for r in records]
    return pa.table(
        {
            "record_no": pa.array(records, pa.int32()),
            "cluster_no": pa.array([changes.cluster_of[r] for r in records], pa.int32()),
            "how": pa.array([h for h, _ in how], pa.string()),
            "probability": pa.array([p for _, p in how], pa.float64()),
            "changed_by": pa.array([changes.by[r] for r in records], pa.string()),
        }
    )


def _pairs_table(judged: Sequence[Judged], known: Mapping[Key, Known]) -> pa.Table:
    """Return the pairs of delivered records that decisions are about."""
    found = []
    for j in judged:
        pairs = j.decision.pairs
        if j.decision.decision == ALWAYS:
            # An absent record still ties those that it was decided to be one with.
            keys = sorted(key for key in j.decision.records if key in known)
            groups = groups_of([j.decision])
            first: dict[Key, Key] = {}
            pairs = tuple(
                (first[groups[k]], k) for k in keys if first.setdefault(groups[k], k) != k
            )
        for one, other in pairs:
            if one in known and other in known:
                ends = sorted((known[one].record_no, known[other].record_no))
                by = j.decision.withdrawal_id or j.decision.decision_id
                found.append((j.decision.decision_id, j.decision.decision, *ends, j.is_obeyed, by))
    found.sort()
    names = ("decision_id", "decision", "left_record_no", "right_record_no", "is_obeyed", "by_id")
    kinds = (pa.string(), pa.string(), pa.int32(), pa.int32(), pa.bool_(), pa.string())
    return pa.table(
        {
            name: pa.array([row[place] for row in found], kind)
            for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
        }
    )


def _report_table(
    judged: Sequence[Judged],
    known: Mapping[Key, Known],
    changes: _Changes,
) -> pa.Table:
    """Return one row per decision: obeyed or not, why, and what it does."""
    found = [
        {
            "decision_id": j.decision.decision_id,
            "decision": j.decision.decision,
            "state": j.state,
            "is_obeyed": j.is_obeyed,
            "reason": j.reason or None,
            "effect": _effect(j, known, changes),
            "record_count": len(j.decision.records),
            "delivered_count": sum(key in known for key in j.decision.records),
        }
        for j in judged
    ]
    for source in changes.clean:
        cut = changes.over_full[source]
        found.append(
            {
                "decision_id": f"one_record_per_customer_in_{source}",
                "decision": "one_record_per_customer",
                "state": "obeyed",
                "is_obeyed": True,
                "reason": None,
                "effect": f"takes {cut} customer(s) of linking apart" if cut else "none",
                "record_count": None,
                "delivered_count": None,
            }
        )
    kinds = {
        "is_obeyed": pa.bool_(),
        "record_count": pa.int64(),
        "delivered_count": pa.int64(),
    }
    names = ("decision_id", "decision", "state", "is_obeyed", "reason", "effect",
             "record_count", "delivered_count")  # fmt: skip
    return pa.table(
        {n: pa.array([row[n] for row in found], kinds.get(n, pa.string())) for n in names}
    )


def _effect(judged: Judged, known: Mapping[Key, Known], changes: _Changes) -> str:
    """Return what a decision does to what linking found."""
    if not judged.is_obeyed:
        return "none"
    records = [known[key] for key in judged.decision.records if key in known]
    if judged.decision.decision == ALWAYS:
        count = len({k.cluster for k in records})
        return f"joins {count} customers that linking keeps apart" if count > 1 else _AGREES
    cut = {
        known[a].cluster
        for a, b in judged.decision.pairs
        if a in known and b in known and known[a].cluster == known[b].cluster
    }
    if cut:
        return f"takes {len(cut)} customer(s) of linking apart"
    crossed = any(
        known[a].record_no in changes.cluster_of or known[b].record_no in changes.cluster_of
        for a, b in judged.decision.pairs
        if a in known and b in known
    )
    return "keeps apart what other decisions would join" if crossed else _AGREES


_AGREES = "none today: linking says the same"


def _register(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    con.register("identity_given", table)
    con.execute(f"create or replace temp table {name} as select * from identity_given")
    con.unregister("identity_given")


def obeyed_count(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return figures of the decisions, after ``constrain``."""
    return {
        "decisions": number(
            con,
            "select count(*) from identity_report where decision <> 'one_record_per_customer'",
        ),
        "not obeyed": number(
            con,
            "select count(*) from identity_report where not is_obeyed"
            " and state not in ('withdrawn', 'expired', 'not_yet_valid')",
        ),
        "records moved by decisions": number(con, "select count(*) from identity_changes"),
    }


_RECORD_CLUSTERS = """
select l.record_no, coalesce(c.cluster_no, l.cluster_no) as cluster_no,
    coalesce(c.how, l.how) as how, coalesce(c.probability, l.probability) as probability,
    l.cluster_no as linked_cluster_no, c.changed_by
from identity.linked_clusters as l
left join identity_changes as c using (record_no)"""

_REPORT = """
with said as (
    select decision_id, decided_by, decided_at, why, valid_from, valid_until, overrides,
        withdrawal_id, withdrawn_why
    from sources.steward_decisions group by all
)
select r.decision_id, r.decision, r.state, r.is_obeyed, r.reason, r.effect,
    said.decided_by, said.decided_at, said.why, said.valid_from, said.valid_until,
    coalesce(said.overrides, false) as overrides, said.withdrawal_id, said.withdrawn_why,
    r.record_count, r.delivered_count
from identity_report as r left join said using (decision_id)"""
