"""How right identity is, against a sample somebody labelled.

Belongs here: reading labels into what can be counted, and the figures. Does not belong here: why
single pairs are wrong (``wrong_pairs``), or what the figures could be without labels.

A sample is either records with the person each is of, or pairs of records with whether they are the
same. Figures are over the labelled records (or pairs) only: a customer's other records count
neither for nor against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.errors import CdpError
from cdp_pipeline.identity.link import link

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.identity.model import LinkageModel

PERSONS = ("source", "record_id", "person_id")
PAIRS = ("source_a", "record_id_a", "source_b", "record_id_b", "is_same")
# What the records of a sample are registered as.
LABELLED = "labelled"
# Thresholds tried, in bits from the model's own.
OFFSETS = (-6.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 6.0, 10.0)
_YES = "'true', 't', '1', 'yes', 'y', 'same'"
_NO = "'false', 'f', '0', 'no', 'n', 'different'"


@dataclass(frozen=True)
class Scores:
    """How a grouping compares with the truth.

    Attributes
    ----------
    same_pairs, joined_pairs, right_pairs
        Pairs that should be joined, that are, and that are rightly so.
    precision, recall, f1
        Of pairs; 1 where there is nothing to be wrong about.
    """

    same_pairs: int
    joined_pairs: int
    right_pairs: int

    @property
    def precision(self) -> float:
        """Share of joined pairs that are of one person."""
        return self.right_pairs / self.joined_pairs if self.joined_pairs else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs of one person that are joined."""
        return self.right_pairs / self.same_pairs if self.same_pairs else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return harmonic(self.precision, self.recall)

    def as_dict(self) -> dict[str, float]:
        """Return counts and ratios."""
        ratios = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {**asdict(self), **{name: round(value, 6) for name, value in ratios.items()}}


@dataclass(frozen=True)
class Groups:
    """What only groups show: B-cubed, sizes, and how many are mixed or in pieces.

    Attributes
    ----------
    precision, recall
        B-cubed: for the average record, the share of its customer that is its person, and the
        share of its person that is in its customer.
    mixed_customers
        Customers that hold two people or more.
    split_persons
        People in two customers or more.
    sizes
        Per number of labelled records: how many customers and how many people have so many.
    """

    record_count: int
    person_count: int
    customer_count: int
    precision: float
    recall: float
    mixed_customers: int
    split_persons: int
    sizes: Sequence[tuple[int, int, int]]

    def as_dict(self) -> dict[str, Any]:
        """Return everything, with B-cubed F1."""
        plain = asdict(self)
        plain["sizes"] = [
            {"records": size, "customers": customers, "persons": persons}
            for size, customers, persons in self.sizes
        ]
        for name in ("precision", "recall"):
            plain[f"b_cubed_{name}"] = round(plain.pop(name), 6)
        plain["b_cubed_f1"] = round(harmonic(self.precision, self.recall), 6)
        plain["mixed_customers_ratio"] = round(
            self.mixed_customers / max(self.customer_count, 1), 6
        )
        return plain


@dataclass(frozen=True)
class Labels:
    """A labelled sample, checked.

    Attributes
    ----------
    is_pairs
        Whether pairs are labelled, not records.
    told
        What became of the rows: used, and why not.
    """

    is_pairs: bool
    told: dict[str, int]


def harmonic(one: float, other: float) -> float:
    """Return the harmonic mean, 0 where both are."""
    return 2 * one * other / (one + other) if one + other else 0.0


def pairwise_scores(persons: NDArray[np.integer], customers: NDArray[np.integer]) -> Scores:
    """Return the scores over all pairs of records.

    Parameters
    ----------
    persons, customers
        The person and the customer of each record, as numbers.

    Examples
    --------
    >>> import numpy as np
    >>> scores = pairwise_scores(np.array([1, 1, 1, 2]), np.array([5, 5, 6, 6]))
    >>> scores.precision, scores.recall
    (0.5, 0.3333333333333333)
    """
    both = np.stack((persons, customers), axis=1)
    return Scores(
        same_pairs=_pairs(_counts(persons)),
        joined_pairs=_pairs(_counts(customers)),
        right_pairs=_pairs(np.unique(both, axis=0, return_counts=True)[1]),
    )


def group_scores(persons: NDArray[np.integer], customers: NDArray[np.integer]) -> Groups:
    """Return B-cubed scores and sizes of the groups."""
    cells, counts = np.unique(np.stack((persons, customers), axis=1), axis=0, return_counts=True)
    person_names, person_of, person_sizes = np.unique(
        persons, return_inverse=True, return_counts=True
    )
    customer_names, customer_of, customer_sizes = np.unique(
        customers, return_inverse=True, return_counts=True
    )
    in_person = person_sizes[np.searchsorted(person_names, cells[:, 0])]
    in_customer = customer_sizes[np.searchsorted(customer_names, cells[:, 1])]
    total = max(len(persons), 1)
    sizes = sorted({*map(int, person_sizes), *map(int, customer_sizes)})
    return Groups(
        record_count=len(person_of),
        person_count=len(person_names),
        customer_count=len(customer_names),
        precision=float((counts**2 / in_customer).sum() / total) if len(counts) else 1.0,
        recall=float((counts**2 / in_person).sum() / total) if len(counts) else 1.0,
        mixed_customers=int((np.unique(cells[:, 1], return_counts=True)[1] > 1).sum()),
        split_persons=int((np.unique(cells[:, 0], return_counts=True)[1] > 1).sum()),
        sizes=[
            (size, int((customer_sizes == size).sum()), int((person_sizes == size).sum()))
            for size in sizes
        ],
    )


def prepare_labels(con: duckdb.DuckDBPyConnection) -> Labels:
    """Check a sample that was registered as ``labelled``, all of it text.

    Makes the temporary tables ``evaluation_records`` (record_no, source, record_id, person_id) or
    ``evaluation_pairs`` (left and right record number, is_same).

    Raises
    ------
    CdpError
        If the columns are neither those of records nor those of pairs, or no row can be used.
    """
    columns = set(con.table(LABELLED).columns)
    if columns >= set(PERSONS):
        labels = Labels(False, _labelled_records(con))
    elif columns >= set(PAIRS):
        labels = Labels(True, _labelled_pairs(con))
    else:
        raise CdpError(
            "The labelled sample has neither the columns of records nor of pairs.",
            f"It needs {', '.join(PERSONS)}; or {', '.join(PAIRS)}.",
        )
    if not labels.told["used"]:
        said = ", ".join(f"{name} {count}" for name, count in labels.told.items())
        raise CdpError(f"No row of the labelled sample can be used: {said}.")
    return labels


def score(con: duckdb.DuckDBPyConnection, labels: Labels, grouping: str) -> Scores:
    """Return the pairwise scores of a grouping.

    Parameters
    ----------
    grouping
        A SELECT of ``record_no`` and ``group_id``.
    """
    if labels.is_pairs:
        same, joined, right = con.sql(
            f"""select count(*) filter (where is_same),
                count(*) filter (where l.group_id = r.group_id),
                count(*) filter (where is_same and l.group_id = r.group_id)
            from evaluation_pairs as p
            inner join ({grouping}) as l on p.left_record_no = l.record_no
            inner join ({grouping}) as r on p.right_record_no = r.record_no"""
        ).fetchall()[0]
        return Scores(same, joined, right)
    return pairwise_scores(*_arrays(con, grouping))


def groups(con: duckdb.DuckDBPyConnection, labels: Labels, grouping: str) -> Groups | None:
    """Return what groups show; None for labelled pairs, which show no groups."""
    return None if labels.is_pairs else group_scores(*_arrays(con, grouping))


def by_threshold(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    columns: IdentityColumns,
    labels: Labels,
    offsets: Sequence[float] = OFFSETS,
) -> list[dict[str, float]]:
    """Return the scores had another threshold been set: all records are linked anew for each."""
    rows = []
    for threshold in [model.threshold + offset for offset in offsets]:
        tables = link(con, model.model_copy(update={"threshold": threshold}), columns)
        con.execute(
            "create or replace temp table evaluation_clusters as select record_no,"
            f" cluster_no as group_id from ({tables['identity.record_clusters']})"
        )
        scores = score(con, labels, "select record_no, group_id from evaluation_clusters")
        is_current = threshold == model.threshold
        rows.append({"threshold": threshold, "is_current": is_current, **scores.as_dict()})
    return rows


CUSTOMERS = """
select r.record_no, m.customer_id as group_id
from identity.standardised_records as r
inner join identity.identity_map as m on r.source = m.source and r.record_id = m.record_id"""


def _labelled_records(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    con.execute(
        f"""create or replace temp table evaluation_told as
        select l.source, l.record_id, l.person_id, r.record_no,
            case
                when l.source is null or l.record_id is null or l.person_id is null
                    then 'incomplete'
                when count(distinct l.person_id) over (partition by l.source, l.record_id) > 1
                    then 'contradictory'
                when row_number() over (
                    partition by l.source, l.record_id order by l.person_id) > 1 then 'repeated'
                when r.record_no is null then 'unknown'
                else 'used'
            end as what
        from (select nullif(trim(source), '') as source, nullif(trim(record_id), '') as record_id,
            nullif(trim(person_id), '') as person_id from {LABELLED}) as l
        left join identity.standardised_records as r
            on l.source = r.source and l.record_id = r.record_id"""
    )
    con.execute(
        """create or replace temp table evaluation_records as
        select record_no, source, record_id, person_id from evaluation_told where what = 'used'"""
    )
    return _told(con)


def _labelled_pairs(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    con.execute(
        f"""create or replace temp table evaluation_told as
        with labelled_pairs as (
            select nullif(trim(source_a), '') as source_a,
                nullif(trim(record_id_a), '') as record_id_a,
                nullif(trim(source_b), '') as source_b,
                nullif(trim(record_id_b), '') as record_id_b,
                case when lower(trim(is_same)) in ({_YES}) then true
                    when lower(trim(is_same)) in ({_NO}) then false end as is_same
            from {LABELLED}
        ),
        numbered as (
            select p.*, least(a.record_no, b.record_no) as left_record_no,
                greatest(a.record_no, b.record_no) as right_record_no,
                a.record_no is null or b.record_no is null as is_unknown
            from labelled_pairs as p
            left join identity.standardised_records as a
                on p.source_a = a.source and p.record_id_a = a.record_id
            left join identity.standardised_records as b
                on p.source_b = b.source and p.record_id_b = b.record_id
        )
        select left_record_no, right_record_no, is_same,
            case
                when source_a is null or record_id_a is null or source_b is null
                    or record_id_b is null or is_same is null
                    or (source_a = source_b and record_id_a = record_id_b) then 'incomplete'
                when is_unknown then 'unknown'
                when count(distinct is_same) over (
                    partition by left_record_no, right_record_no) > 1 then 'contradictory'
                when row_number() over (
                    partition by left_record_no, right_record_no order by is_same) > 1
                    then 'repeated'
                else 'used'
            end as what
        from numbered"""
    )
    con.execute(
        """create or replace temp table evaluation_pairs as
        select left_record_no, right_record_no, is_same from evaluation_told where what = 'used'"""
    )
    return _told(con)


def _told(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = dict(con.sql("select what, count(*) from evaluation_told group by what").fetchall())
    kinds = ("used", "unknown", "contradictory", "repeated", "incomplete")
    return {"rows": sum(counts.values()), **{kind: counts.get(kind, 0) for kind in kinds}}


def _arrays(
    con: duckdb.DuckDBPyConnection, grouping: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the person and the group of each labelled record, as numbers."""
    table = con.sql(
        f"""select dense_rank() over (order by e.person_id) as person,
            dense_rank() over (order by g.group_id) as customer
        from evaluation_records as e inner join ({grouping}) as g using (record_no)"""
    ).to_arrow_table()
    return table["person"].to_numpy(), table["customer"].to_numpy()


def _counts(values: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.asarray(np.unique(values, return_counts=True)[1])


def _pairs(counts: NDArray[np.int64]) -> int:
    return int((counts * (counts - 1) // 2).sum())
