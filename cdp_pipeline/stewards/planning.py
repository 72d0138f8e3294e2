"""From what a steward types to a decision about records.

Belongs here: which records a merge, a split, an unmerge and a keep-apart are about. A customer
stands for the records it has today, because its id may change. Does not belong here: writing
files, or saying whether a decision would be obeyed (``standing``).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from cdp_pipeline.errors import CdpError
from cdp_pipeline.explain.records import Found, find
from cdp_pipeline.identity.decisions import ALWAYS, NEVER, Decision, Key, between
from cdp_pipeline.ingest.decisions import CustomerRow, DecidedPair, decision_id_of
from cdp_pipeline.warehouse.engine import literal
from cdp_pipeline.warehouse.previous import Release

if TYPE_CHECKING:
    import duckdb

# What planning reads.
TABLES = (
    "identity.standardised_records",
    "identity.identity_map",
    "identity.customer_aliases",
    "identity.customer_history",
    "identity.merged_records",
)
# More pairs than anybody means.
_MOST_PAIRS = 20_000


@dataclass(frozen=True)
class Stamp:
    """Who decides, when and why, and whether it holds against what contradicts it."""

    decided_by: str | None
    decided_at: dt.datetime
    why: str
    overrides: bool = False
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None


@dataclass(frozen=True)
class Plan:
    """A decision to be written down.

    Attributes
    ----------
    pairs
        Its pairs of records.
    withdraws
        Earlier decisions that it takes back.
    customers
        The customers it is about, by today's id.
    said
        What it is, in a sentence.
    """

    pairs: tuple[DecidedPair, ...]
    withdraws: tuple[str, ...]
    customers: tuple[str, ...]
    said: str

    @property
    def decision_id(self) -> str:
        """Id of the decision."""
        return self.pairs[0].decision_id


def plan_merge(con: duckdb.DuckDBPyConnection, names: Sequence[str], stamp: Stamp) -> Plan:
    """Plan that customers or records are one customer."""
    found = [find(con, name) for name in names]
    customers = sorted({f.customer_id for f in found})
    if len(customers) == 1 and all(f.record is None for f in found):
        raise CdpError(f"{' and '.join(names)} are one customer already: {customers[0]}.")
    records = sorted({key for f in found for key in _records_of(con, f)})
    if len(records) < 2:
        raise CdpError("A merge is about two records or customers.", "`cdp merge A B`")
    star = [(records[0], record) for record in records[1:]]
    said = f"{_count(records)} of {_listed(customers)} are one customer"
    return Plan(_pairs(ALWAYS, star, stamp), (), tuple(customers), said)


def plan_keep_apart(con: duckdb.DuckDBPyConnection, one: str, other: str, stamp: Stamp) -> Plan:
    """Plan that two customers or records are never one customer."""
    found, against = find(con, one), find(con, other)
    if found.customer_id == against.customer_id and not (found.record and against.record):
        raise CdpError(
            f"{one} and {other} are one customer today: {found.customer_id}.",
            "Name two of its records, or take it apart with `cdp split` or `cdp unmerge`.",
        )
    some, others = _records_of(con, found), _records_of(con, against)
    customers = sorted({found.customer_id, against.customer_id})
    said = f"{_count(some)} of {one} and {_count(others)} of {other} are never one customer"
    pairs = _pairs(NEVER, itertools.product(some, others), stamp)
    return Plan(pairs, (), tuple(customers), said)


def plan_split(
    con: duckdb.DuckDBPyConnection,
    customer: str,
    names: Sequence[str],
    stamp: Stamp,
    standing: Sequence[Decision],
) -> Plan:
    """Plan that some of a customer's records are of somebody else."""
    customer_id = find(con, customer).customer_id
    mine = set(_keys_of(con, customer_id))
    some = set()
    for name in names:
        found = find(con, name)
        if found.record is None or found.customer_id != customer_id:
            raise CdpError(
                f"{name} is no record of {customer_id}.", f"`cdp why {customer_id}` lists them."
            )
        some.add((found.record.source, found.record.record_id))
    if not mine - some:
        raise CdpError(f"These are all records of {customer_id}.", "Name those that are not its.")
    said = f"{_count(some)} of {customer_id} are of somebody else"
    return _apart(some, mine - some, standing, stamp, (customer_id,), said)


def plan_unmerge(
    con: duckdb.DuckDBPyConnection,
    name: str,
    stamp: Stamp,
    standing: Sequence[Decision],
    releases: Iterable[Release] = (),
) -> Plan:
    """Plan that a customer is taken apart as it was before a merge: the one named, or the newest.

    Parameters
    ----------
    name
        The customer, or the earlier id that is to come back.
    standing
        Decisions in force, of which those that made the merge are taken back.
    releases
        Earlier releases, newest first, for a merge of which no records are noted.
    """
    found = find(con, name)
    customer = found.customer_id
    chosen = f"and h.other_customer_id = {literal(found.alias)}" if found.alias else ""
    merges = con.sql(
        f"""select h.event_no, h.other_customer_id
        from identity.customer_history as h
        inner join identity.customer_aliases as a on h.other_customer_id = a.alias_customer_id
        where h.event = 'merged' and a.customer_id = {literal(customer)} {chosen}
        order by h.event_no desc, h.other_customer_id limit 1"""
    ).fetchall()
    if not merges:
        raise CdpError(
            f"{name} was never merged with another customer.",
            f"`cdp split {customer} --records ...` takes records out of it.",
        )
    event_no, alias = merges[0]
    mine = set(_keys_of(con, customer))
    noted = con.sql(
        "select customer_id, source, record_id from identity.merged_records"
        f" where event_no = {int(event_no)} order by all"
    ).fetchall()
    if noted:
        some = {(s, r) for owner, s, r in noted if owner == alias} & mine
        others = {(s, r) for owner, s, r in noted if owner != alias} & mine
    else:
        some, others = _sides_of_a_release(alias, customer, releases)
        some, others = some & mine, others & mine
    if not some or not others:
        raise CdpError(
            f"No release tells which records were {alias}'s before it was merged.",
            f"`cdp split {customer} --records ...` names them.",
        )
    said = f"{alias} and {customer} are two customers again, as before they were merged"
    return _apart(some, others, standing, stamp, (customer, alias), said)


def plan_rows(
    con: duckdb.DuckDBPyConnection, rows: Sequence[CustomerRow], stamp: Stamp
) -> list[Plan]:
    """Plan the decisions of rows in which customers stand in place of records."""
    plans = []
    for row in rows:
        own = replace(stamp, decided_by=row.decided_by or stamp.decided_by, why=row.why)
        both = row.customer_id, row.other_customer_id
        if row.decision == ALWAYS:
            plans.append(plan_merge(con, both, own))
        else:
            plans.append(plan_keep_apart(con, *both, own))
    return plans


def _sides_of_a_release(
    alias: str, customer: str, releases: Iterable[Release]
) -> tuple[set[Key], set[Key]]:
    """Return whose records were whose in the newest release that still had both."""
    for release in releases:
        file = release.file("identity_map")
        if file is None:
            continue
        table = pq.read_table(
            file,
            columns=["customer_id", "source", "record_id"],
            filters=[("customer_id", "in", [alias, customer])],
        )
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        if {owner for owner, _, _ in rows} == {alias, customer}:
            return (
                {(s, r) for owner, s, r in rows if owner == alias},
                {(s, r) for owner, s, r in rows if owner == customer},
            )
    return set(), set()


def _apart(
    some: Iterable[Key],
    others: Iterable[Key],
    standing: Sequence[Decision],
    stamp: Stamp,
    customers: tuple[str, ...],
    said: str,
) -> Plan:
    """Plan that records are never one customer with others, and take back what says they are."""
    some, others = sorted(some), sorted(others)
    back = sorted(between(standing, some, others))
    if back:
        said = f"{said}; takes back {_listed(back)}"
    pairs = _pairs(NEVER, itertools.product(some, others), stamp)
    return Plan(pairs, tuple(back), customers, said)


def _pairs(
    decision: str, pairs: Iterable[tuple[Key, Key]], stamp: Stamp
) -> tuple[DecidedPair, ...]:
    ordered = sorted({(min(p), max(p)) for p in pairs})
    if len(ordered) > _MOST_PAIRS:
        raise CdpError(
            f"These are {len(ordered)} pairs of records, more than {_MOST_PAIRS}.",
            "Decide about fewer records.",
        )
    decision_id = decision_id_of(
        decision,
        ordered,
        stamp.decided_by,
        stamp.decided_at,
        stamp.why,
        stamp.valid_from,
        stamp.valid_until,
        stamp.overrides,
    )
    return tuple(
        DecidedPair(
            decision_id,
            decision,
            *one,
            *other,
            stamp.decided_by,
            stamp.decided_at,
            stamp.why,
            stamp.valid_from,
            stamp.valid_until,
            stamp.overrides,
        )
        for one, other in ordered
    )


def _records_of(con: duckdb.DuckDBPyConnection, found: Found) -> list[Key]:
    """Return the record that was named, or all records of the customer."""
    if found.record is not None:
        return [(found.record.source, found.record.record_id)]
    return _keys_of(con, found.customer_id)


def _keys_of(con: duckdb.DuckDBPyConnection, customer_id: str) -> list[Key]:
    found = con.sql(
        "select source, record_id from identity.identity_map"
        f" where customer_id = {literal(customer_id)} order by all"
    ).fetchall()
    return [(source, record_id) for source, record_id in found]


def _count(records: Iterable[Key]) -> str:
    count = len(list(records))
    return f"{count} record" if count == 1 else f"{count} records"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
