"""What a person should look at: decisions about identity, by what a wrong one would cost.

Belongs here: the review queue, without what a steward has decided. Does not belong here: files of
decisions (``ingest.decisions``), or taking any.

Two kinds of rows. ``maybe_same``: two customers whose strongest pair of records is neither likely
nor out of the question. ``maybe_two``: a customer whose records hang together by one weak link (the
weakest on the tree of strongest links, so no other way around is stronger). What a wrong decision
costs is uncertainty, p (1 - p), times what the customers bought in twelve months.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from cdp_pipeline.explain.pairs import reasons
from cdp_pipeline.explain.scoring import DIFFERENT, MISSING, Scorer, Step

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.explain.texts import Texts
    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.model import LinkageModel

# Links as certain as this (either way) are not worth anybody's time.
LEAST_UNCERTAINTY = 0.01 * 0.99
# More rows than a company will ever look through.
LONGEST_QUEUE = 5_000


def review_queue(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    texts: Texts,
    *,
    longest: int = LONGEST_QUEUE,
) -> dict[str, str]:
    """Rank the uncertain decisions.

    Reads ``identity.record_pairs``, ``identity.record_clusters``, ``identity.decided_pairs``,
    ``identity.identity_map``,
    ``identity.standardised_records``, ``identity.standardised_attributes``,
    ``identity.shared_identifiers``, ``insight.customer_measures`` and ``sources.run_clock``.

    Returns
    -------
    dict
        ``action.review_queue``.
    """
    _weak_links(con)
    con.execute(_CANDIDATES)
    con.execute(_RANKED.format(least=LEAST_UNCERTAINTY, longest=longest))
    _words(con, model, columns, texts)
    return {"action.review_queue": _QUEUE}


def _weak_links(con: duckdb.DuckDBPyConnection) -> None:
    """Find the weakest link on each cluster's tree of strongest links."""
    links = con.sql(
        """select p.left_record_no, p.right_record_no, p.how = 'scored' as is_scored,
            p.match_weight, p.probability, l.cluster_no
        from identity.record_pairs as p
        inner join identity.record_clusters as l on p.left_record_no = l.record_no
        inner join identity.record_clusters as r on p.right_record_no = r.record_no
        where l.cluster_no = r.cluster_no
        union all
        -- What was decided to be one is not looked at again.
        select d.left_record_no, d.right_record_no, false, null, 1.0, l.cluster_no
        from identity.decided_pairs as d
        inner join identity.record_clusters as l on d.left_record_no = l.record_no
        where d.is_obeyed and d.decision = 'always_match'
        -- Exact ties are the strongest.
        order by is_scored, match_weight desc, left_record_no, right_record_no"""
    ).to_arrow_table()
    chosen = weakest_of_trees(
        links["left_record_no"].to_numpy(),
        links["right_record_no"].to_numpy(),
        links["cluster_no"].to_numpy(),
    )
    weak = links.take(pa.array(chosen, pa.int64()))
    con.register("review_links", weak)
    con.execute(
        "create or replace temp table review_weak_links as select * from review_links"
        " where is_scored"
    )
    con.unregister("review_links")


def weakest_of_trees(left: np.ndarray, right: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Return the position of the weakest link on each cluster's tree; links are strongest first."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    if len(left) == 0:
        return np.zeros(0, dtype=np.int64)
    nodes, place = np.unique(np.concatenate((left, right)), return_inverse=True)
    one, other = place[: len(left)].astype(np.int64), place[len(left) :].astype(np.int64)
    # The strongest link of each pair: that which comes first.
    _, first = np.unique(one * len(nodes) + other, return_index=True)
    first.sort()
    # Costs are distinct, so there is one cheapest tree whatever the order of work.
    cost = (first + 1).astype(np.float64)
    shape = (len(nodes), len(nodes))
    tree = minimum_spanning_tree(coo_matrix((cost, (one[first], other[first])), shape=shape))
    positions = np.sort(tree.data.astype(np.int64) - 1)
    weakest = np.full(int(cluster.max()) + 1, -1, dtype=np.int64)
    np.maximum.at(weakest, cluster[positions], positions)
    return np.asarray(weakest[weakest >= 0])


_CANDIDATES = """
create or replace temp table review_candidates as
with apart as (
    select distinct least(l.cluster_no, r.cluster_no) as cluster_no,
        greatest(l.cluster_no, r.cluster_no) as other_cluster_no
    from identity.decided_pairs as d
    inner join identity.record_clusters as l on d.left_record_no = l.record_no
    inner join identity.record_clusters as r on d.right_record_no = r.record_no
    where d.is_obeyed and d.decision = 'never_match'
),
between as (
    select least(l.cluster_no, r.cluster_no) as cluster_no,
        greatest(l.cluster_no, r.cluster_no) as other_cluster_no,
        p.left_record_no, p.right_record_no, p.match_weight, p.probability
    from identity.record_pairs as p
    inner join identity.record_clusters as l on p.left_record_no = l.record_no
    inner join identity.record_clusters as r on p.right_record_no = r.record_no
    where p.how = 'scored' and l.cluster_no <> r.cluster_no
    qualify row_number() over (
        partition by least(l.cluster_no, r.cluster_no), greatest(l.cluster_no, r.cluster_no)
        order by p.match_weight desc, p.left_record_no, p.right_record_no
    ) = 1
)
select 'maybe_same' as kind, left_record_no, right_record_no, match_weight, probability,
    cluster_no, other_cluster_no
from between
anti join apart using (cluster_no, other_cluster_no)
union all
select 'maybe_two', left_record_no, right_record_no, match_weight, probability,
    cluster_no, null
from review_weak_links"""

_RANKED = """
create or replace temp table review_ranked as
with sizes as (
    select cluster_no, count(*) as record_count from identity.record_clusters group by cluster_no
),
known as (
    select c.*, l.source, l.record_id, r.source as other_source, r.record_id as other_record_id,
        mine.customer_id,
        case when c.kind = 'maybe_same' then yours.customer_id end as other_customer_id,
        sizes.record_count + coalesce(other_sizes.record_count, 0) as record_count,
        cast(c.probability * (1 - c.probability) as decimal(18, 9)) as uncertainty
    from review_candidates as c
    inner join identity.standardised_records as l on c.left_record_no = l.record_no
    inner join identity.standardised_records as r on c.right_record_no = r.record_no
    inner join identity.identity_map as mine
        on l.source = mine.source and l.record_id = mine.record_id
    inner join identity.identity_map as yours
        on r.source = yours.source and r.record_id = yours.record_id
    inner join sizes on c.cluster_no = sizes.cluster_no
    left join sizes as other_sizes on c.other_cluster_no = other_sizes.cluster_no
    where c.probability * (1 - c.probability) >= {least}
),
valued as (
    select known.*,
        cast(greatest(coalesce(m.net_spend_12m_amount, 0), 0)
            + case when known.other_customer_id is null then 0
                else greatest(coalesce(o.net_spend_12m_amount, 0), 0) end
            as decimal(18, 2)) as value_at_stake_amount
    from known
    left join insight.customer_measures as m on known.customer_id = m.customer_id
    left join insight.customer_measures as o on known.other_customer_id = o.customer_id
),
costed as (
    select valued.*,
        cast(uncertainty * value_at_stake_amount as decimal(18, 2)) as value_at_risk_amount
    from valued
)
select cast(row_number() over (
        order by value_at_risk_amount desc, uncertainty desc, record_count desc,
            source, record_id, other_source, other_record_id
    ) as integer) as rank, *
from costed
qualify rank <= {longest}"""

_QUEUE = """
select ranked.rank, ranked.kind, ranked.customer_id, ranked.other_customer_id,
    ranked.source, ranked.record_id, ranked.other_source, ranked.other_record_id,
    words.why, words.evidence, cast(null as varchar) as decision, clock.home_currency as currency,
    ranked.probability, ranked.match_weight, cast(ranked.record_count as integer) as record_count,
    ranked.value_at_stake_amount, ranked.value_at_risk_amount
from review_ranked as ranked
inner join review_words as words on ranked.rank = words.rank
cross join sources.run_clock as clock"""


@dataclass(frozen=True)
class _Told:
    rank: int
    why: str
    evidence: str


def _words(
    con: duckdb.DuckDBPyConnection, model: LinkageModel, columns: IdentityColumns, texts: Texts
) -> None:
    """Say of each row in words what speaks for and against, without any value."""
    pairs = con.sql(
        "select rank, left_record_no, right_record_no from review_ranked order by rank"
    ).fetchall()
    told: list[_Told] = []
    if pairs:
        scorer = Scorer(con, model, columns, [r for _, *both in pairs for r in both])
        falls = scorer.waterfalls([(left, right) for _, left, right in pairs])
        said = [_evidence(steps) for steps in falls]
        told = [
            _Told(rank, why_in_words(evidence, texts), evidence)
            for (rank, _, _), evidence in zip(pairs, said, strict=True)
        ]
    con.register(
        "review_told",
        pa.table(
            {
                "rank": pa.array([t.rank for t in told], pa.int32()),
                "why": pa.array([t.why for t in told], pa.string()),
                "evidence": pa.array([t.evidence for t in told], pa.string()),
            }
        ),
    )
    con.execute("create or replace temp table review_words as select * from review_told")
    con.unregister("review_told")


def why_in_words(evidence: str, texts: Texts) -> str:
    """Return the words for the evidence of a row of the queue, in any language."""
    steps = [
        Step(column, level, DIFFERENT, bits, 0.0)
        for column, (level, bits) in json.loads(evidence).items()
    ]
    agree, differ = reasons(steps, texts)
    key = "but" if agree and differ else "only_differ" if differ else "only_agree"
    return texts.say(f"review.{key}", agree=agree, differ=differ)


def _evidence(steps: Sequence[Step]) -> str:
    """Return the comparisons as JSON, for those who read them in another language."""
    said = {s.column: [s.level, round(s.bits, 2)] for s in steps if s.place != MISSING}
    return json.dumps(said, ensure_ascii=False)
