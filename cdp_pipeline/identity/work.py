"""The working tables of linking: distinct records (nodes) with the declared columns.

Belongs here: joining standardised records and attributes, and folding records whose identity
columns are all equal into one node. Does not belong here: any decision about who is who.

A node is numbered by its smallest record number. ``identity_record_nodes`` has one row per record;
the view ``identity_distinct_records`` shows the columns of every node, and ``identity_nodes`` is a
table of all of them or of those that were needed (`Nodes`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.equal import blocks
from cdp_pipeline.identity.sql import rows, shown, threads_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumn, IdentityColumns

NODES = "identity_nodes"
RECORD_NODES = "identity_record_nodes"
DISTINCT_RECORDS = "identity_distinct_records"
EARLIER_NODES = "identity_earlier_nodes"
# Every record with the declared columns, before equal ones are folded.
JOINED = "identity_joined"
_EARLIER = "identity_joined_earlier"
_GONE = "identity_joined_gone"

# Records in which to look first for columns that have values.
_FIRST_LOOK = 20_000
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
    """The working tables and what is in them.

    Attributes
    ----------
    keys
        Keys of the nodes that were read on the way, by expression.
    """

    evidence: tuple[Evidence, ...]
    node_count: int
    record_count: int
    numbers: Numbers
    keys: Mapping[str, NDArray[np.uint64]]

    def of_kind(self, *kinds: str) -> tuple[Evidence, ...]:
        """Return the evidence of these kinds, in declared order."""
        return tuple(e for e in self.evidence if e.column.kind in kinds)


class Nodes:
    """The table ``identity_nodes``: it holds the nodes that were needed so far.

    Parameters
    ----------
    con, work
        What `number_records` made, and on which connection.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, work: Work) -> None:
        self._con, self._evidence = con, work.evidence
        self._there: NDArray[np.int32] | None = np.zeros(0, dtype=np.int32)
        con.execute(f"create or replace temp table {NODES} as from {DISTINCT_RECORDS} limit 0")

    def need_all(self) -> None:
        """Have every node in the table."""
        self._con.execute(f"create or replace temp table {NODES} as from {DISTINCT_RECORDS}")
        self._there = None

    def need(self, *numbers: NDArray[np.int32]) -> None:
        """Have these nodes in the table."""
        if self._there is None:
            return
        wanted = np.setdiff1d(np.concatenate(numbers), self._there)
        if not len(wanted):
            return
        self._there = np.concatenate((self._there, wanted))
        with shown(self._con, "identity_wanted", {"node_no": wanted}):
            nodes = _nodes(self._evidence, JOINED, "semi join identity_wanted")
            self._con.execute(f"insert into {NODES} {nodes}")


def prepare_work(
    con: duckdb.DuckDBPyConnection, columns: IdentityColumns, needed: Sequence[str] = ()
) -> Work:
    """Make all that `number_records` makes, and ``identity_nodes`` with every node."""
    work = number_records(con, evidence_of(con, columns, needed))
    Nodes(con, work).need_all()
    return work


def evidence_of(
    con: duckdb.DuckDBPyConnection, columns: IdentityColumns, needed: Sequence[str] = ()
) -> tuple[Evidence, ...]:
    """Return the declared columns that the records hold, and show all records with them.

    Reads ``identity.standardised_records`` and ``identity.standardised_attributes``. Columns
    without two values are left out, unless needed: a model that has learnt a column asks for it
    on a day when nobody has a value.
    """
    _join_attributes(con, columns, "identity", JOINED)
    return _filled(con, columns, JOINED, needed)


def number_records(
    con: duckdb.DuckDBPyConnection,
    evidence: tuple[Evidence, ...],
    expressions: Sequence[str] = (),
) -> Work:
    """Fold equal records into nodes: ``identity_record_nodes`` and ``identity_distinct_records``.

    After `evidence_of`.

    Parameters
    ----------
    expressions
        Keys over a node's columns to read in the same look at the records.
    """
    _make_skeletons(con, evidence, JOINED)
    every = _nodes(evidence, JOINED, also=", j.source as its_source, j.record_id as its_record_id")
    numbers, keys = _numbers(con, evidence, f"({every})", expressions)
    folded = {"record_no": numbers.record_no, "node_no": numbers.node_of}
    with shown(con, "identity_numbers", folded):
        con.execute(f"create or replace temp table {RECORD_NODES} as from identity_numbers")
    # There are few records that are not the first of their node: it is quicker to leave them out.
    others = f"select record_no as node_no from {RECORD_NODES} where record_no <> node_no"
    nodes = _nodes(evidence, JOINED, f"anti join ({others})")
    con.execute(f"create or replace temp view {DISTINCT_RECORDS} as {nodes}")
    return Work(
        evidence=evidence,
        node_count=len(numbers.first),
        record_count=len(numbers.record_no),
        numbers=numbers,
        keys=keys,
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
    every = (
        "select *, record_no as node_no, source as its_source, record_id as its_record_id"
        f" from {_EARLIER}"
    )
    return _numbers(con, evidence, f"({every})")[0]


def make_earlier_nodes(
    con: duckdb.DuckDBPyConnection, evidence: Sequence[Evidence], numbers: NDArray[np.int32]
) -> None:
    """Make ``identity_earlier_nodes`` of some nodes of an earlier linking.

    After `earlier_numbers`.
    """
    with shown(con, "identity_wanted", {"node_no": numbers}):
        con.execute(
            f"""create or replace temp table {_GONE} as
            from {_EARLIER} as j semi join identity_wanted as n on j.record_no = n.node_no"""
        )
    _make_skeletons(con, evidence, _GONE)
    con.execute(f"create or replace temp table {EARLIER_NODES} as {_nodes(evidence, _GONE)}")


def _nodes(evidence: Sequence[Evidence], joined: str, which: str = "", also: str = "") -> str:
    """Return SQL for the columns of nodes: those of their first record.

    ``which`` joins the numbers of the nodes to take, or to leave out; without it, every record is
    a node. ``also`` names further columns.
    """
    of_nodes = f"{which} as numbers on j.record_no = numbers.node_no" if which else ""
    skeletons = _skeletons_of(evidence, joined)
    derived = [f"j.{c}" for e in evidence for c in _BESIDE.get(e.name, ())]
    derived += [f"{sql} as {name}" for e in evidence for name, sql in derived_columns(e).items()]
    derived += [f"{made}.skeleton as {name}_skeleton" for name, made in skeletons.items()]
    joins = "".join(
        f" left join {made} on j.{name} = {made}.name" for name, made in skeletons.items()
    )
    columns_sql = ", ".join([*(f"j.{e.name}" for e in evidence), *derived]) or "null as nothing"
    return f"""select j.record_no as node_no, j.kind, {columns_sql}{also}
        from (select j.* from {joined} as j {of_nodes}) as j {joins}"""


def _numbers(
    con: duckdb.DuckDBPyConnection,
    evidence: Sequence[Evidence],
    joined: str,
    expressions: Sequence[str] = (),
) -> tuple[Numbers, dict[str, NDArray[np.uint64]]]:
    """Give each record the number of the smallest record equal to it; read keys of the nodes."""
    # Two records that are equal because both say next to nothing are not one customer.
    says_who = " or ".join(
        "(" + " and ".join(f"{c} is not null" for c in rule) + ")"
        for rule in deciding_columns(evidence)
    )
    same = ", ".join(["kind", *(e.name for e in evidence)])
    found = [f"hash({same})", "hash(its_source, its_record_id)", says_who or "false"]
    table, order = _scanned(con, joined, found + [key_of(e) for e in expressions])
    record_no, content, record, says, *keys = table.columns
    record_no = _in_order(record_no, order).astype(np.int32)
    content, record, says = (_in_order(column, order) for column in (content, record, says))
    node_of = record_no.copy()
    telling, ends = blocks(np.where(says, content, np.uint64(0)))
    node_of[telling] = record_no[np.repeat(telling[ends[:-1]], np.diff(ends))]
    first = np.flatnonzero(node_of == record_no)
    places = first if order is None else order[first]
    with ThreadPoolExecutor(threads_of(con)) as pool:
        of_nodes = pool.map(lambda key: _in_order(key, places), keys)
        return (
            Numbers(record_no, node_of, first, content, record),
            dict(zip(expressions, of_nodes, strict=True)),
        )


def key_of(expression: str) -> str:
    """Return SQL for a number that is equal where an expression over a node is; 0 for null."""
    return f"case when {expression} is null then 0::ubigint else hash(kind, {expression}) end"


def scanned(
    con: duckdb.DuckDBPyConnection, nodes: str, expressions: Sequence[str]
) -> tuple[NDArray[np.int32], list[NDArray[Any]]]:
    """Return the numbers of all nodes of a relation and some expressions, in order of number."""
    table, order = _scanned(con, nodes, expressions)
    with ThreadPoolExecutor(threads_of(con)) as pool:
        numbers, *columns = pool.map(lambda column: _in_order(column, order), table.columns)
    return numbers.astype(np.int32), columns


def _scanned(
    con: duckdb.DuckDBPyConnection, nodes: str, expressions: Sequence[str]
) -> tuple[pa.Table, NDArray[np.int64] | None]:
    """Return numbers and expressions as they come, and what would sort them by number."""
    wanted = [f"{e} as found_{place}" for place, e in enumerate(expressions)]
    table = con.sql(f"select {', '.join(['node_no', *wanted])} from {nodes}").to_arrow_table()
    numbers = table["node_no"].to_numpy()
    is_sorted = not (numbers[1:] < numbers[:-1]).any()
    return table, None if is_sorted else np.argsort(numbers, kind="stable")


def _in_order(column: pa.ChunkedArray, places: NDArray[np.int64] | None) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy()
    return values if places is None else values[places]


def _make_skeletons(
    con: duckdb.DuckDBPyConnection, evidence: Sequence[Evidence], joined: str
) -> None:
    """Make a table of skeletons per name column: there are far fewer names than records."""
    for name, table in _skeletons_of(evidence, joined).items():
        con.execute(
            f"""create or replace temp table {table} as
            select name, {skeleton("name")} as skeleton
            from (select distinct {name} as name from {joined} where {name} is not null)"""
        )


def _skeletons_of(evidence: Sequence[Evidence], joined: str) -> dict[str, str]:
    """Return the table of skeletons of each name column."""
    kinds = ("given_name", "family_name", "full_name")
    return {e.name: f"{joined}_skeletons_of_{e.name}" for e in evidence if e.column.kind in kinds}


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
        if name == "source":  # every record has it
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
    doubtful = [name for name in columns.columns if name not in needed]
    filled = set(needed)
    # A look at some records answers for most columns.
    for records in (f"(from {joined} limit {_FIRST_LOOK})", joined):
        doubtful = [name for name in doubtful if name not in filled]
        if doubtful:
            # That two records are of one source says something where there are several.
            distinct = {n: "distinct " for n in doubtful if columns.columns[n].kind == "source"}
            held = [f"count({distinct.get(n, '')}{n}) > 1" for n in doubtful]
            counts = rows(con, f"select {', '.join(held)} from {records}")[0]
            filled |= {n for n, is_filled in zip(doubtful, counts, strict=True) if is_filled}
    return tuple(Evidence(n, column) for n, column in columns.columns.items() if n in filled)
