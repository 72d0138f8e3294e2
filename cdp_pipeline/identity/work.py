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

from cdp_pipeline.identity.sql import drop, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumn, IdentityColumns

NODES = "identity_nodes"
RECORD_NODES = "identity_record_nodes"


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
class Work:
    """The working tables and what is in them."""

    evidence: tuple[Evidence, ...]
    node_count: int
    record_count: int

    def of_kind(self, *kinds: str) -> tuple[Evidence, ...]:
        """Return the evidence of these kinds, in declared order."""
        return tuple(e for e in self.evidence if e.column.kind in kinds)


def prepare_work(con: duckdb.DuckDBPyConnection, columns: IdentityColumns) -> Work:
    """Make ``identity_nodes`` and ``identity_record_nodes``.

    Reads ``identity.standardised_records`` and ``identity.standardised_attributes``. Columns
    without two values are left out.
    """
    _join_attributes(con, columns)
    evidence = _filled(con, columns)
    node_of = _number_nodes(con, evidence)
    skeletons = _skeletons(con, evidence)
    names = [e.name for e in evidence]
    derived = [f"j.{c}" for e in evidence for c in _BESIDE.get(e.name, ())]
    derived += [f"{sql} as {name}" for e in evidence for name, sql in derived_columns(e).items()]
    derived += [f"{table}.skeleton as {name}_skeleton" for name, table in skeletons.items()]
    joins = "".join(
        f" left join {table} on j.{name} = {table}.name" for name, table in skeletons.items()
    )
    columns_sql = ", ".join([*(f"j.{n}" for n in names), *derived]) or "null as nothing"
    con.execute(
        f"""create or replace temp table {NODES} as
        with sizes as (
            select node_no, cast(count(*) as integer) as record_count
            from {RECORD_NODES} group by node_no
        )
        select sizes.node_no, j.kind, sizes.record_count, {columns_sql}
        from identity_joined as j inner join sizes on j.record_no = sizes.node_no {joins}"""
    )
    con.execute("drop view identity_joined")
    drop(con, skeletons.values())
    return Work(
        evidence=evidence,
        node_count=len(np.unique(node_of)),
        record_count=len(node_of),
    )


def _number_nodes(
    con: duckdb.DuckDBPyConnection, evidence: Sequence[Evidence]
) -> NDArray[np.int32]:
    """Make ``identity_record_nodes``: each record with the smallest record that is equal to it."""
    # Two records that are equal because both say next to nothing are not one customer.
    says_who = " or ".join(
        "(" + " and ".join(f"{c} is not null" for c in rule) + ")"
        for rule in deciding_columns(evidence)
    )
    same = ", ".join(["kind", *(e.name for e in evidence)])
    found = con.sql(
        f"""select record_no,
            case when {says_who or "false"} then hash({same}) else hash(record_no) end as content
        from identity_joined"""
    ).to_arrow_table()
    record_no, content = found["record_no"].to_numpy(), found["content"].to_numpy()
    order = np.lexsort((record_no, content))
    first = np.append(True, content[order][1:] != content[order][:-1])
    node_of = np.empty(len(order), dtype=np.int32)
    node_of[order] = record_no[order][np.flatnonzero(first)][np.cumsum(first) - 1]
    con.register("identity_numbers", pa.table({"record_no": record_no, "node_no": node_of}))
    con.execute(f"create or replace temp table {RECORD_NODES} as from identity_numbers")
    con.unregister("identity_numbers")
    return node_of


def _skeletons(con: duckdb.DuckDBPyConnection, evidence: Sequence[Evidence]) -> dict[str, str]:
    """Make a table of skeletons per name column: there are far fewer names than records."""
    tables = {}
    for e in evidence:
        if e.column.kind in ("given_name", "family_name", "full_name"):
            tables[e.name] = f"identity_skeletons_of_{e.name}"
            con.execute(
                f"""create or replace temp table {tables[e.name]} as
                select name, {skeleton("name")} as skeleton
                from (select distinct {e.name} as name from identity_joined
                    where {e.name} is not null)"""
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


def _join_attributes(con: duckdb.DuckDBPyConnection, columns: IdentityColumns) -> None:
    """Put the declared attributes beside the record columns, each only where it applies."""
    parts = ["r.record_no", "r.kind", "r.given_name_root", "r.given_name_forms"]
    parts += ["r.street", "r.house_number"]
    attributes = columns.attributes
    for name, column in columns.columns.items():
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
            select record_no, {pivoted} from identity.standardised_attributes group by record_no
        ) as a on r.record_no = a.record_no"""
    con.execute(
        f"""create or replace temp view identity_joined as
        select {", ".join(parts)} from identity.standardised_records as r {join}"""
    )


def _filled(con: duckdb.DuckDBPyConnection, columns: IdentityColumns) -> tuple[Evidence, ...]:
    """Return the declared columns in which at least two records have a value."""
    names = list(columns.columns)
    if not names:
        return ()
    counts = rows(
        con, "select " + ", ".join(f"count({n}) > 1" for n in names) + " from identity_joined"
    )[0]
    return tuple(
        Evidence(n, columns.columns[n]) for n, filled in zip(names, counts, strict=True) if filled
    )
