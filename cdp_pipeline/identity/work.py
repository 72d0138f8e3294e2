"""The working tables of linking: distinct records (nodes) with the declared columns.

Belongs here: joining standardised records and attributes, and folding records whose identity
columns are all equal into one node. Does not belong here: any decision about who is who.

A node is numbered by its smallest record number; ``identity_nodes`` has one row per node and
``identity_record_nodes`` one row per record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.equal import blocks
from cdp_pipeline.identity.sql import drop, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumn, IdentityColumns

NODES = "identity_nodes"
RECORD_NODES = "identity_record_nodes"
EARLIER_NODES = "identity_earlier_nodes"
_JOINED = "identity_joined"
_EARLIER = "identity_joined_earlier"


# What identity.standardised_records holds beside one of its columns.
_BESIDE = {
    "given_name": ("given_name_root", "given_name_forms"),
    "address": ("street", "house_number"),
}


@dataclass(frozen=True)
class Evidence:
    """A declared column that the data holds, and how it is used.

    Attributes
    ----------
    name
        The column in ``identity_nodes``.
    column
        Its declaration.
    """

    name: str
    column: IdentityColumn


@dataclass(frozen=True)
class Numbers:
    """How records are folded into nodes. All but ``first`` by record, in order of record number.

    Attributes
    ----------
    record_no, node_of
        Number of each record, and of its node.
    first
        Positions of the records that nodes are numbered by.
    content
        Hash of all declared columns.
    record
        Hash of source and record id.
    """

    record_no: NDArray[np.int32]
    node_of: NDArray[np.int32]
    first: NDArray[np.int64]
    content: NDArray[np.uint64]
    record: NDArray[np.uint64]

    @property
    def nodes(self) -> NDArray[np.int32]:
        """Node numbers, sorted."""
        return self.record_no[self.first]

    @property
    def same_node(self) -> NDArray[np.uint64]:
        """One number per node that is equal where a node has the same first record and columns."""
        mixed = self.content[self.first] * np.uint64(0x9E3779B97F4A7C15)
        return mixed ^ self.record[self.first]


@dataclass(frozen=True)
class Work:
    """The working tables and what is in them."""

    evidence: tuple[Evidence, ...]
    node_count: int
    record_count: int
    numbers: Numbers

    def of_kind(self, *kinds: str) -> tuple[Evidence, ...]:
        """Return the evidence of these kinds, in declared order."""
        return tuple(e for e in self.evidence if e.column.kind in kinds)


def prepare_work(
    con: duckdb.DuckDBPyConnection, columns: IdentityColumns, needed: Sequence[str] = ()
) -> Work:
    """Make ``identity_nodes`` and ``identity_record_nodes``.

    Reads ``identity.standardised_records`` and ``identity.standardised_attributes``. Columns
    without two values are left out, unless needed: a model that has learnt a column asks for it
    on a day when nobody has a value.
    """
    _join_attributes(con, columns, "identity", _JOINED)
    evidence = _filled(con, columns, _JOINED, needed)
    numbers = _numbers(con, evidence, _JOINED)
    con.register(
        "identity_numbers", pa.table({"record_no": numbers.record_no, "node_no": numbers.node_of})
    )
    con.execute(f"create or replace temp table {RECORD_NODES} as from identity_numbers")
    con.unregister("identity_numbers")
    _make_nodes(con, evidence, _JOINED, RECORD_NODES, NODES)
    con.execute(f"drop view {_JOINED}")
    return Work(
        evidence=evidence,
        node_count=len(numbers.first),
        record_count=len(numbers.record_no),
        numbers=numbers,
    )


def earlier_numbers(
    con: duckdb.DuckDBPyConnection,
    columns: IdentityColumns,
    evidence: Sequence[Evidence],
    needed: Sequence[str],
) -> Numbers | None:
    """Return the numbers of the records of an earlier linking, or None where it knew other columns.

    Reads ``earlier.standardised_records`` and ``earlier.standardised_attributes``.
    """
    _join_attributes(con, columns, "earlier", _EARLIER)
    if _filled(con, columns, _EARLIER, needed) != tuple(evidence):
        return None
    return _numbers(con, evidence, _EARLIER)


def make_earlier_nodes(
    con: duckdb.DuckDBPyConnection, evidence: Sequence[Evidence], nodes: NDArray[np.int32]
) -> None:
    """Make ``identity_earlier_nodes`` of some nodes of an earlier linking.

    After `earlier_numbers`.
    """
    con.register("identity_numbers", pa.table({"record_no": nodes, "node_no": nodes}))
    _make_nodes(con, evidence, _EARLIER, "identity_numbers", EARLIER_NODES)
    con.unregister("identity_numbers")


def _make_nodes(
    con: duckdb.DuckDBPyConnection,
    evidence: Sequence[Evidence],
    joined: str,
    record_nodes: str,
    table: str,
) -> None:
    """Make a table of nodes: the declared columns of each node's first record."""
    skeletons = _skeletons(con, evidence, joined, record_nodes)
    derived = [f"j.{c}" for e in evidence for c in _BESIDE.get(e.name, ())]
    derived += [f"{sql} as {name}" for e in evidence for name, sql in derived_columns(e).items()]
    derived += [f"{made}.skeleton as {name}_skeleton" for name, made in skeletons.items()]
    joins = "".join(
        f" left join {made} on j.{name} = {made}.name" for name, made in skeletons.items()
    )
    columns_sql = ", ".join([*(f"j.{e.name}" for e in evidence), *derived]) or "null as nothing"
    con.execute(
        f"""create or replace temp table {table} as
        with sizes as (
            select node_no, cast(count(*) as integer) as record_count
            from {record_nodes} group by node_no
        )
        select sizes.node_no, j.kind, sizes.record_count, {columns_sql}
        from {joined} as j inner join sizes on j.record_no = sizes.node_no {joins}"""
    )
    drop(con, skeletons.values())


def _numbers(con: duckdb.DuckDBPyConnection, evidence: Sequence[Evidence], joined: str) -> Numbers:
    """Give each record the number of the smallest record that is equal to it."""
    # Two records that are equal because both say next to nothing are not one customer.
    says_who = " or ".join(
        "(" + " and ".join(f"{c} is not null" for c in rule) + ")"
        for rule in deciding_columns(evidence)
    )
    same = ", ".join(["kind", *(e.name for e in evidence)])
    found = con.sql(
        f"""select record_no, hash({same}) as content, hash(source, record_id) as record,
            {says_who or "false"} as says_who
        from {joined}"""
    ).to_arrow_table()
    record_no = found["record_no"].to_numpy().astype(np.int32)
    order = np.argsort(record_no, kind="stable")
    record_no = record_no[order]
    content = found["content"].to_numpy()[order]
    says = found["says_who"].to_numpy(zero_copy_only=False)[order].astype(bool)
    node_of = record_no.copy()
    telling, ends = blocks(np.where(says, content, np.uint64(0)))
    node_of[telling] = record_no[np.repeat(telling[ends[:-1]], np.diff(ends))]
    first = np.flatnonzero(node_of == record_no)
    return Numbers(record_no, node_of, first, content, found["record"].to_numpy()[order])


def _skeletons(
    con: duckdb.DuckDBPyConnection, evidence: Sequence[Evidence], joined: str, record_nodes: str
) -> dict[str, str]:
    """Make a table of skeletons per name column: there are far fewer names than records."""
    tables = {}
    for e in evidence:
        if e.column.kind in ("given_name", "family_name", "full_name"):
            tables[e.name] = f"identity_skeletons_of_{e.name}"
            con.execute(
                f"""create or replace temp table {tables[e.name]} as
                select name, {skeleton("name")} as skeleton
                from (
                    select distinct {e.name} as name
                    from {joined} as j semi join {record_nodes} as n on j.record_no = n.node_no
                    where {e.name} is not null
                )"""
            )
    return tables


def deciding_columns(evidence: Sequence[Evidence]) -> list[tuple[str, ...]]:
    """Return the sets of columns that decide who a record is of, strongest first.

    An identifier by itself, an e-mail address or telephone with a first name, and the full name
    with a birth date or an address.
    """
    names = [e.name for e in evidence if e.column.kind == "given_name"][:1]
    surnames = [e.name for e in evidence if e.column.kind == "family_name"][:1]
    postcodes = [e.name for e in evidence if e.column.kind == "postcode"][:1]
    sets: list[tuple[str, ...]] = [
        (e.name,)
        for e in evidence
        if e.column.shared_by == "nobody" and e.column.exactness == "exact"
    ]
    if not names:
        return sets
    sets += [
        (e.name, names[0])
        for e in evidence
        if e.column.kind in ("email", "phone") and e.column.shared_by == "household"
    ]
    if not surnames:
        return sets
    sets += [
        (names[0], surnames[0], e.name)
        for e in evidence
        if e.column.kind == "date"
        and e.column.per_person == "one"
        and e.column.exactness != "loose"
    ]
    sets += [
        (names[0], surnames[0], e.name, *postcodes)
        for e in evidence
        if e.column.kind == "address" and e.column.shared_by == "household"
    ]
    return sets


def derived_columns(evidence: Evidence) -> dict[str, str]:
    """Return the columns derived from one declared column, as SQL over ``j``, its record."""
    name, kind = evidence.name, evidence.column.kind
    derived = {
        "given_name": (f"{name}_initial", f"left(j.{name}, 1)"),
        "email": (f"{name}_user", f"split_part(j.{name}, '@', 1)"),
        "phone": (f"{name}_tail", f"right(j.{name}, 7)"),
        "postcode": (f"{name}_area", f"left(j.{name}, 3)"),
        "date": (f"{name}_text", f"strftime(j.{name}, '%Y%m%d')"),
    }.get(kind)
    return {} if derived is None else dict([derived])


def skeleton(name: str) -> str:
    """Return SQL for what stays of a name under slips: its first letter and its consonants.

    Doubled consonants count once, and letters that many languages write for one sound fall
    together. It only has to bring candidates together; how alike they are is compared after.
    """
    text = f"translate({name}, 'ckqzxvwdbpjyh', 'kkkssffttff')"
    for letter in "bcdfghjklmnpqrstvwxz":
        text = f"replace({text}, '{letter}{letter}', '{letter}')"
    return f"left({name}, 1) || left(translate(substr({text}, 2), 'aeiou ', ''), 4)"


def _join_attributes(
    con: duckdb.DuckDBPyConnection, columns: IdentityColumns, schema: str, joined: str
) -> None:
    """Put the declared attributes beside the record columns, each only where it applies."""
    parts = ["r.record_no", "r.source", "r.record_id", "r.kind"]
    parts += ["r.given_name_root", "r.given_name_forms"]
    parts += ["r.street", "r.house_number"]
    attributes = columns.attributes
    for name, column in columns.columns.items():
        if name == "source":
            continue
        value = f"a.{name}" if name in attributes else f"r.{name}"
        if name == "email":
            value = "r.email_base"
        if column.kind == "date":
            value = f"try_cast({value} as date)"
        if column.applies_to != "all":
            value = f"case when r.kind = '{column.applies_to}' then {value} end"
        parts.append(f"{value} as {name}")
    join = ""
    if attributes:
        pivoted = ", ".join(
            f"max(value) filter (identity_column = '{name}') as {name}" for name in attributes
        )
        join = f"""left join (
            select record_no, {pivoted} from {schema}.standardised_attributes group by record_no
        ) as a on r.record_no = a.record_no"""
    con.execute(
        f"""create or replace temp view {joined} as
        select {", ".join(parts)} from {schema}.standardised_records as r {join}"""
    )


def _filled(
    con: duckdb.DuckDBPyConnection, columns: IdentityColumns, joined: str, needed: Sequence[str]
) -> tuple[Evidence, ...]:
    """Return the declared columns in which two records have a value, or that are needed."""
    names = list(columns.columns)
    if not names:
        return ()
    # That two records are of one source says something where there are several.
    held = [f"count({'distinct ' if n == 'source' else ''}{n}) > 1" for n in names]
    counts = rows(con, f"select {', '.join(held)} from {joined}")[0]
    return tuple(
        Evidence(n, columns.columns[n])
        for n, filled in zip(names, counts, strict=True)
        if filled or n in needed
    )
