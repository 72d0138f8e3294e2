"""How good the linking is, without any truth.

Belongs here: the expected precision and recall of the clusters, and what a wrong link leaves
behind: customers with too many names, one name and address under several ids, clusters hanging by
one doubtful tie, customers that changed since the last release.
Does not belong here: scoring against labels (the benchmarks do).

Precision: a cluster grows along its likeliest ties, and the tie that joins two parts stands for
all pairs between them. On labelled sets of five kinds with up to 100,000 records there were about
twice as many wrong pairs as those ties let expect, and five times as many among a million: hence
the estimate and its wide interval. It is a measured allowance, not a theory.

Recall: what was missed lies between two counts. The compared pairs of different customers, each by
its probability, leave out every pair that no blocking rule brought together. Two customers taken
whole, by the mean weight of the pairs compared between them, count those too, and count too much
where the other pairs would have spoken against. The estimate is the geometric mean of both, less
what the linking knew and a pair by itself does not: it turned these pairs down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.sql import rows

if TYPE_CHECKING:
    import duckdb

# Wrong pairs per wrong pair expected from the ties alone: lowest, usual, highest.
WRONG_PER_EXPECTED = (0.5, 2.0, 6.0)
# The correction of the weights is learnt from the data too: divided by the root of the customers
# with several records, so much may be wrong with it.
UNSURE_WEIGHTS = 0.3
# Of the pairs that were not joined, so many are of one person for each that their own weights let
# expect: measured on labelled sets of three kinds.
TURNED_DOWN = 0.85
# Half the width of the interval of recall: what stays whatever the size, and what is added at 5,000
# records and shrinks with the root of their number.
RECALL_UNSURE = 0.012
RECALL_UNSURE_OF_5000 = 0.038
# A tie less likely than this is doubtful.
DOUBTFUL = 0.9

# Metric, query for its value, and the value above which somebody should look.
_BENCHMARKS = (
    ("customers_over_3_given_names_ratio", "{share_of}(given_names > 3)", 0.001),
    ("customers_over_3_family_names_ratio", "{share_of}(family_names > 3)", 0.001),
    ("customers_over_5_postcodes_ratio", "{share_of}(postcodes > 5)", 0.001),
    ("customers_over_20_records_ratio", "{share_of}(records > 20)", 0.001),
)
# Of the last release's customers with records left: those whose records are parted now, or together
# with another's.
_CHANGED = "customers_changed_since_last_release_ratio"
_CHANGED_QUERY = """
    with now as (
        select p.customer_id, c.cluster_no
        from previous.identity_map as p
        inner join identity.standardised_records as r
            on p.source = r.source and p.record_id = r.record_id
        inner join identity.record_clusters as c on r.record_no = c.record_no
        group by all
    ),
    crowded as (
        select customer_id, cluster_no,
            count(*) over (partition by customer_id) > 1
                or count(*) over (partition by cluster_no) > 1 as is_changed
        from now
    ),
    customers as (
        select customer_id, bool_or(is_changed) as is_changed from crowded group by customer_id
    )
    select coalesce(avg(is_changed::integer), 0) from customers"""
_MOVED = """
    select count(distinct column_name) from identity.linkage_drift
    where status in ('moved', 'far')"""
_HELD_BY_SEVERAL = ("email_base", "phone", "address")


def linkage_quality(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Measure the linking by what it left behind.

    Reads ``identity.record_clusters``, ``identity.record_pairs``,
    ``identity.standardised_records``, ``identity.linkage_drift`` and ``previous.identity_map``.

    Returns
    -------
    dict
        ``identity.linkage_quality``: one row per metric, with its interval where it is estimated.
    """
    found: list[tuple[str, float, float | None, float | None, float | None]] = []
    found += _precision(con)
    found.append(_recall(con, found[0][1]))
    _profile(con)
    for metric, query, limit in _BENCHMARKS:
        found.append((metric, _value(con, query), None, None, limit))
    for column in _HELD_BY_SEVERAL:
        metric = f"name_and_{column.removesuffix('_base')}_under_several_customers_ratio"
        found.append((metric, _value(con, _shared(column)), None, None, 0.02))
    found.append((_CHANGED, _value(con, _CHANGED_QUERY), None, None, 0.02))
    moved = _value(con, _MOVED)
    found.append(("columns_moved_since_training_count", moved, None, None, 0.0))
    largest = _value(con, "select coalesce(max(records), 0) from identity_customers")
    found.append(("largest_customer_records", largest, None, None, None))
    kinds = (pa.string(), pa.float64(), pa.float64(), pa.float64(), pa.float64())
    names = ("metric", "value", "lower", "upper", "warn_above")
    columns = {
        name: pa.array([row[i] for row in found], kind)
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    con.register("identity_measured", pa.table(columns))
    con.execute("create or replace temp table identity_quality as select * from identity_measured")
    con.unregister("identity_measured")
    return {"identity.linkage_quality": "select * from identity_quality"}


def expected_wrong(
    left: list[int], right: list[int], probability: list[float]
) -> tuple[float, int, int]:
    """Return expected wrong pairs, all pairs inside clusters, and how many ties are bridges.

    Parameters
    ----------
    left, right, probability
        Ties inside clusters, the likeliest first. A bridge is a doubtful tie between two parts of
        several records each.
    """
    parent: dict[int, int] = {}
    size: dict[int, int] = {}
    wrong, pairs, bridges = 0.0, 0, 0
    for one, other, likely in zip(left, right, probability, strict=True):
        a, b = _root(parent, one), _root(parent, other)
        if a == b:
            continue
        first, second = size.get(a, 1), size.get(b, 1)
        parent[b] = a
        size[a] = first + second
        pairs += first * second
        wrong += first * second * (1 - likely)
        bridges += likely < DOUBTFUL and min(first, second) > 1
    return wrong, pairs, bridges


def _root(parent: dict[int, int], item: int) -> int:
    while (above := parent.get(item, item)) != item:
        parent[item] = parent.get(above, above)
        item = above
    return item


def _precision(
    con: duckdb.DuckDBPyConnection,
) -> list[tuple[str, float, float | None, float | None, float | None]]:
    """Return the expected precision of the clusters, and the share that hangs by one tie."""
    ties = con.sql(
        """select p.left_record_no, p.right_record_no, max(p.probability) as probability
        from identity.record_pairs as p
        inner join identity.record_clusters as l on p.left_record_no = l.record_no
        inner join identity.record_clusters as r on p.right_record_no = r.record_no
        where l.cluster_no = r.cluster_no
        group by all
        order by probability desc, p.left_record_no, p.right_record_no"""
    ).to_arrow_table()
    wrong, pairs, bridges = expected_wrong(*(column.to_pylist() for column in ties.columns))
    several = _value(
        con,
        "select count(*) from (select cluster_no from identity.record_clusters"
        " group by cluster_no having count(*) > 1)",
    )
    share = wrong / max(pairs, 1)
    low, usual, high = (share * factor for factor in WRONG_PER_EXPECTED)
    # Pairs of one customer stand or fall together: customers are what was drawn.
    chance = 1.96 * float(np.sqrt(max(usual, 1 / max(several, 1)) / max(several, 1)))
    chance += UNSURE_WEIGHTS / float(np.sqrt(max(several, 1)))
    return [
        (
            "estimated_precision",
            _six(1 - usual),
            _six(1 - high - chance),
            _six(min(1 - low + chance, 1.0)),
            None,
        ),
        ("customers_hanging_by_one_tie_ratio", _six(bridges / max(several, 1)), None, None, 0.02),
    ]


def _recall(
    con: duckdb.DuckDBPyConnection, precision: float
) -> tuple[str, float, float | None, float | None, float | None]:
    """Return the expected share of the pairs of one person that are in one customer."""
    records, found, compared, whole = rows(
        con,
        """with sizes as (
            select cluster_no, count(*) as records from identity.record_clusters
            group by cluster_no
        ),
        copies as (
            select left_record_no as record_no, count(*) + 1 as records
            from identity.record_pairs where how = 'same in every column' group by left_record_no
        ),
        between_customers as (
            select least(l.cluster_no, r.cluster_no) as one_no,
                greatest(l.cluster_no, r.cluster_no) as other_no,
                sum(coalesce(lc.records, 1) * coalesce(rc.records, 1)) as pairs,
                sum(coalesce(lc.records, 1) * coalesce(rc.records, 1) * p.probability)
                    as likely_pairs,
                sum(coalesce(lc.records, 1) * coalesce(rc.records, 1) * p.match_weight)
                    as weights
            from identity.record_pairs as p
            inner join identity.record_clusters as l on p.left_record_no = l.record_no
            inner join identity.record_clusters as r on p.right_record_no = r.record_no
            left join copies as lc on p.left_record_no = lc.record_no
            left join copies as rc on p.right_record_no = rc.record_no
            where p.how = 'scored' and l.cluster_no <> r.cluster_no
            group by all
        )
        select
            (select coalesce(sum(records), 0) from sizes),
            (select coalesce(sum(records * (records - 1) / 2), 0) from sizes),
            (select coalesce(sum(likely_pairs), 0) from between_customers),
            (select coalesce(sum(one.records * other.records
                    / (1 + pow(2, -greatest(least(b.weights / b.pairs, 60), -60)))), 0)
                from between_customers as b
                inner join sizes as one on b.one_no = one.cluster_no
                inner join sizes as other on b.other_no = other.cluster_no)""",
    )[0]
    right = float(found) * precision
    both = float(np.sqrt(float(compared) * max(float(whole), float(compared))))
    missed = TURNED_DOWN * both
    value = right / (right + missed) if right + missed else 1.0
    unsure = RECALL_UNSURE + RECALL_UNSURE_OF_5000 * float(np.sqrt(5_000 / max(records, 200)))
    return (
        "estimated_recall",
        _six(value),
        _six(max(value - unsure, 0.0)),
        _six(min(value + unsure, 1.0)),
        None,
    )


def _profile(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        """create or replace temp table identity_customers as
        select c.cluster_no, count(*) as records,
            count(distinct r.given_name_root) filter (length(r.given_name) > 1) as given_names,
            count(distinct r.family_name) as family_names,
            count(distinct r.postcode) as postcodes
        from identity.record_clusters as c
        inner join identity.standardised_records as r using (record_no)
        group by c.cluster_no"""
    )


def _shared(column: str) -> str:
    """Return SQL for the share of pairs of a name and a value that several customers have."""
    return f"""select coalesce(avg((customers > 1)::integer), 0) from (
        select count(distinct c.cluster_no) as customers
        from identity.record_clusters as c
        inner join identity.standardised_records as r using (record_no)
        where r.given_name is not null and r.family_name is not null and r.{column} is not null
        group by r.given_name, r.family_name, r.{column})"""


def _value(con: duckdb.DuckDBPyConnection, query: str) -> float:
    if query.startswith("{share_of}"):
        condition = query.removeprefix("{share_of}")
        query = f"select coalesce(avg({condition}::integer), 0) from identity_customers"
    return _six(float(rows(con, query)[0][0]))


def _six(value: float) -> float:
    return round(float(value), 6)
