"""Finding records and customers: by what a person types, in few rows of the tables.

Belongs here: what a reference names, which records a customer has, the links among them. Does not
belong here: weighing (``scoring``) or words (``texts``).

``identity.standardised_records`` is sorted by record number, which follows source and record id,
so that any of the three prunes its row groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdp_pipeline.errors import CdpError
from cdp_pipeline.identity.constrain import BY_DECISION

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

# What the commands that explain read.
TABLES = (
    "identity.standardised_records",
    "identity.standardised_attributes",
    "identity.shared_identifiers",
    "identity.linkage_model",
    "identity.record_pairs",
    "identity.record_clusters",
    "identity.decided_pairs",
    "identity.identity_map",
    "identity.customer_aliases",
    "identity.customer_history",
)
SCORED = "scored"


@dataclass(frozen=True, order=True)
class Record:
    """A customer record.

    Attributes
    ----------
    record_no
        Its number in this release.
    source, record_id
        Its key.
    kind
        person or company.
    """

    record_no: int
    source: str
    record_id: str
    kind: str = "person"

    @property
    def name(self) -> str:
        """How it is written: ``crm:12``."""
        return f"{self.source}:{self.record_id}"


@dataclass(frozen=True)
class Found:
    """What a reference names.

    Attributes
    ----------
    text
        As it was typed.
    customer_id
        The customer of today.
    record
        The record, where one was named.
    alias
        The id that was typed, where it is an earlier one of the customer.
    """

    text: str
    customer_id: str
    record: Record | None = None
    alias: str | None = None


@dataclass(frozen=True)
class Member:
    """A record of a customer, and how it came in."""

    record: Record
    how: str
    probability: float
    created_at: dt.datetime | None = None


@dataclass(frozen=True)
class Link:
    """What ties two records: an exact rule by name, or a score.

    Attributes
    ----------
    left, right
        Record numbers, left below right.
    how
        The exact rule in words, or "scored".
    weight
        Log2 odds; None for a rule.
    """

    left: int
    right: int
    how: str
    weight: float | None
    probability: float


def find(con: duckdb.DuckDBPyConnection, text: str) -> Found:
    """Return what a customer id, ``source:record_id`` or ``source/record_id`` names.

    Raises
    ------
    CdpError
        If nothing has that name.
    """
    customers = con.sql(
        "select customer_id, null as alias from identity.identity_map"
        f" where customer_id = {_text(text)} limit 1"
    ).fetchall()
    if not customers:
        customers = con.sql(
            "select customer_id, alias_customer_id from identity.customer_aliases"
            f" where alias_customer_id = {_text(text)}"
        ).fetchall()
    if customers:
        customer_id, alias = customers[0]
        return Found(text, customer_id, alias=alias)
    for mark in (":", "/"):
        source, sign, record_id = text.partition(mark)
        if sign and (record := _record(con, source, record_id)):
            return Found(text, _customer_of(con, record), record)
    raise CdpError(f"There is no customer or record {text}.", _hint(con))


def members(con: duckdb.DuckDBPyConnection, customer_id: str) -> list[Member]:
    """Return the records of a customer, the founding record first.

    The founding record is the one created first; it is where a new customer's id comes from.
    """
    keys = con.sql(
        "select source, record_id, how, probability from identity.identity_map"
        f" where customer_id = {_text(customer_id)} order by source, record_id"
    ).fetchall()
    known = _records_of_keys(con, [(source, record_id) for source, record_id, _, _ in keys])
    found = [
        Member(known[source, record_id][0], how, probability, known[source, record_id][1])
        for source, record_id, how, probability in keys
    ]
    return sorted(found, key=_founding_order)


def _founding_order(member: Member) -> tuple[bool, str, str, str]:
    created = member.created_at
    return (
        created is None,
        created.isoformat() if created else "",
        member.record.source,
        member.record.record_id,
    )


def links(con: duckdb.DuckDBPyConnection, records: Sequence[int]) -> list[Link]:
    """Return the stored links among records, and those that stewards decided on."""
    if not records:
        return []
    wanted = ", ".join(map(str, sorted(records)))
    rows = con.sql(
        f"""select left_record_no, right_record_no, how, match_weight, probability
        from identity.record_pairs
        where left_record_no in ({wanted}) and right_record_no in ({wanted})
        union
        select left_record_no, right_record_no, {_text(BY_DECISION)}, null, 1.0
        from identity.decided_pairs
        where is_obeyed and decision = 'always_match'
            and left_record_no in ({wanted}) and right_record_no in ({wanted})
        order by left_record_no, right_record_no, how"""
    ).fetchall()
    return [Link(*row) for row in rows]


def stored_between(
    con: duckdb.DuckDBPyConnection, one: Sequence[int], other: Sequence[int]
) -> list[Link]:
    """Return the stored links that lead from some records to others."""
    here, there = set(one), set(other)
    return [
        link
        for link in links(con, [*one, *other])
        if {link.left, link.right} & here and {link.left, link.right} & there
    ]


def kept_apart_by(
    con: duckdb.DuckDBPyConnection, customer_id: str, other_customer_id: str
) -> list[str]:
    """Return the decisions that keep two customers apart."""
    kept_apart = "is_obeyed and decision = 'never_match'"
    if not con.sql(f"select 1 from identity.decided_pairs where {kept_apart} limit 1").fetchall():
        # Most homes have no such decision, and finding the records means going through all.
        return []
    both = f"({_text(customer_id)}, {_text(other_customer_id)})"
    found = con.sql(
        f"""with records as (
            select r.record_no, m.customer_id
            from identity.identity_map as m
            inner join identity.standardised_records as r
                on m.source = r.source and m.record_id = r.record_id
            where m.customer_id in {both}
        )
        select distinct d.decision_id
        from identity.decided_pairs as d
        inner join records as l on d.left_record_no = l.record_no
        inner join records as r on d.right_record_no = r.record_no
        where d.is_obeyed and d.decision = 'never_match' and l.customer_id <> r.customer_id
        order by 1"""
    ).fetchall()
    return [decision_id for (decision_id,) in found]


def aliases(con: duckdb.DuckDBPyConnection, customer_id: str) -> list[dict[str, Any]]:
    """Return the earlier ids that stand for a customer today."""
    return _dicts(
        con,
        "select alias_customer_id, since_on, cause from identity.customer_aliases"
        f" where customer_id = {_text(customer_id)} order by since_on, alias_customer_id",
    )


def history(con: duckdb.DuckDBPyConnection, customer_id: str) -> list[dict[str, Any]]:
    """Return what happened to a customer's id, oldest first."""
    return _dicts(
        con,
        "select event, customer_id, other_customer_id, happened_on, cause, record_count"
        f" from identity.customer_history where customer_id = {_text(customer_id)}"
        f" or other_customer_id = {_text(customer_id)} order by event_no",
    )


def records_by_number(con: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> dict[int, Record]:
    """Return records by their numbers."""
    wanted = ", ".join(map(str, sorted(numbers))) or "-1"
    rows = con.sql(
        "select record_no, source, record_id, kind from identity.standardised_records"
        f" where record_no in ({wanted})"
    ).fetchall()
    return {row[0]: Record(*row) for row in rows}


def _record(con: duckdb.DuckDBPyConnection, source: str, record_id: str) -> Record | None:
    rows = con.sql(
        "select record_no, source, record_id, kind from identity.standardised_records"
        f" where source = {_text(source)} and record_id = {_text(record_id)}"
    ).fetchall()
    return Record(*rows[0]) if rows else None


def _customer_of(con: duckdb.DuckDBPyConnection, record: Record) -> str:
    rows = con.sql(
        "select customer_id from identity.identity_map"
        f" where source = {_text(record.source)} and record_id = {_text(record.record_id)}"
    ).fetchall()
    if not rows:
        raise CdpError(f"{record.name} has no customer yet.", "`cdp run` gives it one.")
    return str(rows[0][0])


def _records_of_keys(
    con: duckdb.DuckDBPyConnection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[Record, dt.datetime | None]]:
    """Return records by key: one source at a time, whose ids lie together."""
    found: dict[tuple[str, str], tuple[Record, dt.datetime | None]] = {}
    for source in sorted({source for source, _ in keys}):
        ids = ", ".join(_text(record_id) for s, record_id in keys if s == source)
        rows = con.sql(
            "select record_no, source, record_id, kind, created_at"
            f" from identity.standardised_records where source = {_text(source)}"
            f" and record_id in ({ids})"
        ).fetchall()
        for *record, created_at in rows:
            found[record[1], record[2]] = (Record(*record), created_at)
    return found


def _hint(con: duckdb.DuckDBPyConnection) -> str:
    sources = con.sql("select distinct source from identity.identity_map order by 1").fetchall()
    known = ", ".join(source for (source,) in sources) or "none yet"
    return (
        "Write a customer id such as c_0123456789abcdef, or a record as source:record_id;"
        f" sources are {known}."
    )


def _dicts(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = con.sql(query)
    names = result.columns
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
