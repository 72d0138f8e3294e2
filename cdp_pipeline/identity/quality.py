"""How good the linking is, without any truth.

Belongs here: the expected precision of the clusters, and what a wrong link leaves behind: customers
with too many names, one name and address under several ids, clusters hanging by one doubtful tie.
Does not belong here: scoring against labels (the benchmarks do).

A cluster grows along its likeliest ties: the tie that joins two parts stands for all pairs between
them. On labelled sets of five kinds with up to 100,000 records there were about twice as many
wrong pairs as those ties let expect, and five times as many among a million: hence the estimate
and its wide interval. It is a measured allowance, not a theory.
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
# A tie less likely than this is doubtful.
DOUBTFUL = 0.9

# Metric, query for its value, and the value above which somebody should look.
_BENCHMARKS = (
    ("customers_over_3_given_names_ratio", "{share_of}(given_names > 3)", 0.001),
    ("customers_over_3_family_names_ratio", "{share_of}(family_names > 3)", 0.001),
    ("customers_over_5_postcodes_ratio", "{share_of}(postcodes > 5)", 0.001),
    ("customers_over_20_records_ratio", "{share_of}(records > 20)", 0.001),
)
_HELD_BY_SEVERAL = ("email_base", "phone", "address")


def linkage_quality(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Measure the linking by what it left behind.

    Reads ``identity.record_clusters``, ``identity.record_pairs`` and
    ``identity.standardised_records``.

    Returns
    -------
    dict
        ``identity.linkage_quality``: one row per metric, with its interval where it is estimated.
    """
    found: list[tuple[str, float, float | None, float | None, float | None]] = []
    found += _precision(con)
    _profile(con)
    for metric, query, limit in _BENCHMARKS:
        found.append((metric, _value(con, query), None, None, limit))
    for column in _HELD_BY_SEVERAL:
        metric = f"name_and_{column.removesuffix('_base')}_under_several_customers_ratio"
        found.append((metric, _value(con, _shared(column)), None, None, 0.02))
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
