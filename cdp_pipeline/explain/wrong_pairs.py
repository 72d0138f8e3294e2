"""Which kinds of pairs identity gets wrong, by what the model saw of them.

Belongs here: finding wrong and missed pairs of a labelled sample, and grouping them by cause and by
levels of agreement. Does not belong here: any value of a record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdp_pipeline.explain import records
from cdp_pipeline.explain.records import SCORED, Link
from cdp_pipeline.explain.scoring import DIFFERENT, MISSING, Scorer, Step
from cdp_pipeline.identity.link import COMPONENT_SLACK

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.explain.evaluation import Labels
    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.model import LinkageModel

# Pairs of each kind that are looked at; which ones follows from their keys, not from row order.
MOST_PAIRS = 2_000
WRONG, MISSED = "wrong", "missed"


@dataclass(frozen=True)
class Kind:
    """Pairs that are wrong for one cause and agree alike.

    Attributes
    ----------
    error
        wrong: joined, and two people; missed: one person, and not joined.
    cause
        The exact rule; ``scored``; ``through others``; ``not compared``; ``too little evidence``;
        ``kept apart`` by what the customers' other records say.
    near, different
        Columns that agree with slips, and that do not; the others agree or are missing.
    pair_count
        So many of the pairs looked at.
    mean_weight
        Their mean match weight; None where the model has rules only.
    """

    error: str
    cause: str
    near: tuple[str, ...]
    different: tuple[str, ...]
    pair_count: int
    mean_weight: float | None


@dataclass(frozen=True)
class Errors:
    """Kinds of errors, the most frequent first, and how many pairs there are and were looked at."""

    counts: dict[str, int]
    looked_at: dict[str, int]
    kinds: Sequence[Kind]


def kinds_of_errors(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    labels: Labels,
    *,
    most: int = MOST_PAIRS,
) -> Errors:
    """Group the wrong and the missed pairs of a sample that `prepare_labels` has read."""
    _error_pairs(con, labels)
    found: list[Kind] = []
    counts, looked_at = {}, {}
    for error in (WRONG, MISSED):
        counts[error] = int(
            con.sql(f"select count(*) from evaluation_errors where error = '{error}'").fetchall()[
                0
            ][0]
        )
        pairs = con.sql(
            f"""select left_record_no, right_record_no from evaluation_errors
            where error = '{error}'
            order by md5(left_record_no || ' ' || right_record_no), left_record_no, right_record_no
            limit {most}"""
        ).fetchall()
        looked_at[error] = len(pairs)
        if pairs:
            found += _grouped(con, model, columns, error, pairs)
    found.sort(key=lambda k: (-k.pair_count, k.error, k.cause, k.different, k.near))
    return Errors(counts, looked_at, found)


def _error_pairs(con: duckdb.DuckDBPyConnection, labels: Labels) -> None:
    """Make the table of wrong and missed pairs."""
    con.execute(
        """create or replace temp table evaluation_customers as
        select r.record_no, m.customer_id
        from identity.standardised_records as r
        inner join identity.identity_map as m
            on r.source = m.source and r.record_id = m.record_id"""
    )
    labelled = (
        """select p.left_record_no, p.right_record_no, p.is_same,
            l.customer_id = r.customer_id as is_joined
        from evaluation_pairs as p
        inner join evaluation_customers as l on p.left_record_no = l.record_no
        inner join evaluation_customers as r on p.right_record_no = r.record_no"""
        if labels.is_pairs
        else """
        select l.record_no as left_record_no, r.record_no as right_record_no, false as is_same,
            true as is_joined
        from known as l inner join known as r
            on l.customer_id = r.customer_id and l.record_no < r.record_no
                and l.person_id <> r.person_id
        union all
        select l.record_no, r.record_no, true, false
        from known as l inner join known as r
            on l.person_id = r.person_id and l.record_no < r.record_no
                and l.customer_id <> r.customer_id"""
    )
    known = (
        ""
        if labels.is_pairs
        else """known as (
            select e.record_no, e.person_id, c.customer_id
            from evaluation_records as e inner join evaluation_customers as c using (record_no)
        ), """
    )
    con.execute(
        f"""create or replace temp table evaluation_errors as
        with {known} compared as ({labelled})
        select case when is_joined then '{WRONG}' else '{MISSED}' end as error,
            left_record_no, right_record_no
        from compared where is_same <> is_joined"""
    )


def _grouped(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    error: str,
    pairs: Sequence[tuple[int, int]],
) -> list[Kind]:
    numbers = sorted({record for pair in pairs for record in pair})
    scorer = Scorer(con, model, columns, numbers)
    odds = scorer.weigh(pairs).odds
    falls = scorer.waterfalls(pairs)
    stored = {(s.left, s.right): s for s in records.links(con, numbers)}
    counts: Counter[tuple[str, tuple[str, ...], tuple[str, ...]]] = Counter()
    weights: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[float]] = defaultdict(list)
    for pair, weight, steps in zip(pairs, odds, falls, strict=True):
        cause = _cause(error, float(weight), stored.get(pair), model)
        near = _columns(steps, is_near=True)
        kind = (cause, near, _columns(steps, is_near=False))
        counts[kind] += 1
        weights[kind].append(float(weight))
    has_weights = model.mixture is not None
    return [
        Kind(
            error,
            *kind,
            pair_count=count,
            mean_weight=round(sum(weights[kind]) / count, 3) if has_weights else None,
        )
        for kind, count in counts.items()
    ]


def _cause(error: str, weight: float, stored: Link | None, model: LinkageModel) -> str:
    """Return why a pair came out as it did."""
    if error == WRONG:
        if stored is not None and stored.how != SCORED:
            return stored.how
        return SCORED if weight > model.threshold else "through others"
    if model.mixture is None or weight <= model.threshold - COMPONENT_SLACK:
        return "too little evidence"
    if stored is None:
        return "not compared"
    return "too little evidence" if weight <= model.threshold else "kept apart"


def _columns(steps: Sequence[Step], *, is_near: bool) -> tuple[str, ...]:
    if not is_near:
        return tuple(sorted(s.column for s in steps if s.place == DIFFERENT))
    return tuple(sorted(s.column for s in steps if s.place > MISSING + 1 and s.level != "same"))
