"""The current rows of a source table: one SELECT over its deliveries' Parquet files.

Belongs here: resolving snapshots, deltas and delete markers, and the content address of the
result. Nothing is read here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import (
    LOADER_VERSION,
    Delivery,
    active_deliveries,
    loaded_file,
)
from cdp_pipeline.warehouse.engine import identifier, literal

_ADDED = {"_delivery": "varchar", "_file": "varchar", "_record_number": "bigint"}


@dataclass(frozen=True, slots=True)
class CurrentRows:
    """How to read a source table's current rows.

    Attributes
    ----------
    sql : str
        A SELECT of the contract's columns, ``_delivery``, ``_file`` and ``_record_number``.
    files : tuple of Path
        The Parquet files it reads.
    content_hash : str
        The same whenever the rows are the same deliveries under the same contract; names of
        files and times of loading do not enter.
    """

    sql: str
    files: tuple[Path, ...]
    content_hash: str


@dataclass(frozen=True, slots=True)
class Aged:
    """How to read the rows of a table that has a retention.

    Attributes
    ----------
    newest_sql : str
        A SELECT of the newest day in the table.
    past_sql : str
        A SELECT of delivery and number of rows that are past retention on ``$as_of_on``.
    kept_sql : str
        A SELECT of the rows that are not.
    """

    newest_sql: str
    past_sql: str
    kept_sql: str

    @classmethod
    def of(cls, contract: SourceTable, rows: CurrentRows, deliveries: Sequence[Delivery]) -> Aged:
        """Return how to read a table's current rows by age.

        Parameters
        ----------
        contract : SourceTable
            One with a retention.
        rows : CurrentRows
        deliveries : sequence of Delivery
            The table's ledger.
        """
        assert contract.retention is not None
        by = contract.retention.by
        day = f"cast({identifier(by)} as date)" if by != "loaded" else _loaded_on(deliveries)
        first = f"cast($as_of_on as date) - {contract.retention.days}"
        return cls(
            f"select max({day}) from ({rows.sql}) as rows",
            f"select _delivery, count(*) from ({rows.sql}) as rows where {day} < {first}"
            " group by _delivery order by _delivery",
            f"select * from ({rows.sql}) as rows where {day} >= {first}",
        )

    def kept_on(self, day: dt.date) -> str:
        """Return the SELECT of the rows that are in use on a day."""
        return self.kept_sql.replace("$as_of_on", literal(day.isoformat()))

    def past_on(self, day: dt.date) -> str:
        """Return the SELECT of how many rows of each delivery are past retention on a day."""
        return self.past_sql.replace("$as_of_on", literal(day.isoformat()))


def _loaded_on(deliveries: Sequence[Delivery]) -> str:
    """Return the day a row's delivery was loaded, as an expression."""
    days = {d.delivery: d.loaded_at[:10] for d in deliveries if d.status == "loaded"}
    cases = " ".join(f"when {literal(name)} then {literal(day)}" for name, day in days.items())
    return f"cast(case _delivery {cases} end as date)" if cases else "cast(null as date)"


def current_rows(
    contract: SourceTable, deliveries: Sequence[Delivery], *, store: Path
) -> CurrentRows:
    """Return how to read the rows that count now.

    A snapshot is the newest accepted file. Of a delta, the newest version of each key counts: the
    latest by `changed_at` where the contract has one, else that of the latest delivery. Then rows
    that carry the delete marker are left out.

    Parameters
    ----------
    contract : SourceTable
    deliveries : sequence of Delivery
        The table's ledger.
    store : Path
        Folder of the loaded deliveries.
    """
    active = active_deliveries(contract, deliveries)
    if not active:
        sql = _nothing(contract)
    elif len(active) == 1:
        sql = _rows_of(contract, active[0], store)
    else:
        sql = _newest_versions(contract, active, store)
    if active and contract.delete_marker is not None:
        marker = contract.delete_marker
        kind = contract.columns[marker.column].type
        sql = (
            f"select {_listed(contract)} from ({sql}) where {identifier(marker.column)}"
            f" is distinct from cast({literal(marker.equals)} as {kind})"
        )
    files = tuple(loaded_file(contract, store, d.delivery) for d in active)
    return CurrentRows(sql, files, _content_hash(contract, active))


def _listed(contract: SourceTable) -> str:
    return ", ".join([*(identifier(name) for name in contract.columns), *_ADDED])


def _nothing(contract: SourceTable) -> str:
    columns = {identifier(name): column.type for name, column in contract.columns.items()} | _ADDED
    nulls = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in columns.items())
    return f"select {nulls} where false"


def _rows_of(contract: SourceTable, delivery: Delivery, store: Path) -> str:
    """Return the rows of one delivery."""
    path = loaded_file(contract, store, delivery.delivery)
    columns = [_column(contract, delivery, name) for name in contract.columns]
    number = "_record_number" if delivery.has_record_numbers else _record_number(delivery.row_gaps)
    columns += [
        f"{literal(delivery.delivery)} as _delivery",
        f"{literal(delivery.file)} as _file",
        f"{number} as _record_number",
    ]
    conditions = []
    if delivery.has_problem_rows:
        conditions.append("_problem is null")
    if delivery.dropped_rows:
        dropped = ", ".join(map(str, delivery.dropped_rows))
        conditions.append(f"file_row_number not in ({dropped})")
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return (
        f"select {', '.join(columns)}"
        f" from read_parquet({literal(path)}, file_row_number = true){where}"
    )


def _column(contract: SourceTable, delivery: Delivery, name: str) -> str:
    """Return a column, also of a delivery that was read under an older contract."""
    kind, stored = contract.columns[name].type, (delivery.columns or {}).get(name)
    if stored == kind:
        return identifier(name)
    if stored is None:
        return f"cast(null as {kind}) as {identifier(name)}"
    return f"try_cast({identifier(name)} as {kind}) as {identifier(name)}"


def _record_number(gaps: Sequence[int]) -> str:
    """Return the record number of a row, given the rows before which records are missing."""

    def tree(low: int, high: int) -> str:
        if low == high:
            return str(low)
        middle = (low + high) // 2
        return (
            f"case when file_row_number < {gaps[middle]} then {tree(low, middle)}"
            f" else {tree(middle + 1, high)} end"
        )

    return f"file_row_number + 1 + {tree(0, len(gaps))}" if gaps else "file_row_number + 1"


def _newest_versions(contract: SourceTable, active: Sequence[Delivery], store: Path) -> str:
    """Return the newest version of each key over several deliveries.

    The largest delivery is read as it is, without the keys that occur in another one; only those
    few are compared version by version. So a day's delta costs what the delta is large.
    """
    largest = max(active, key=lambda d: (d.rows_loaded, -d.sequence))
    base = _rows_of(contract, largest, store)
    key = ", ".join(identifier(name) for name in contract.key)
    columns = _listed(contract)

    def ranked(delivery: Delivery, rows: str) -> str:
        return (
            f"select {columns}, {delivery.sequence} as _sequence, {delivery.batch} as _batch"
            f" from ({rows})"
        )

    others = " union all ".join(
        ranked(d, _rows_of(contract, d, store)) for d in active if d is not largest
    )
    keys = " union ".join(
        f"select {key} from ({_rows_of(contract, d, store)})" for d in active if d is not largest
    )
    rivals = f"select rows.* from ({base}) as rows semi join touched using ({key})"
    return (
        f"with touched as materialized ({keys}),"
        f" versions as ({others} union all {ranked(largest, rivals)}),"
        f" placed as (select *, row_number() over (partition by {key}"
        f" order by {_order(contract)}) as _place from versions)"
        f" select {columns} from ({base}) as rows anti join touched using ({key})"
        f" union all select {columns} from placed where _place = 1"
    )


def _order(contract: SourceTable) -> str:
    """Return the order of the versions of one key, newest first.

    With `changed_at`, files of one load are not ranked by their names: rows of the same moment
    are ranked by content.
    """
    if contract.changed_at is None:
        return "_sequence desc"
    content = ", ".join(f"{identifier(name)} desc nulls last" for name in contract.columns)
    return (
        f"{identifier(contract.changed_at)} desc nulls last, _batch desc, {content}, _sequence desc"
    )


def _content_hash(contract: SourceTable, active: Sequence[Delivery]) -> str:
    order: dict[int, int] = {}
    for delivery in active:
        rank = delivery.batch if contract.changed_at else delivery.sequence
        order.setdefault(rank, len(order))
    ranks = [
        (order[d.batch if contract.changed_at else d.sequence], d.sha256, d.reading) for d in active
    ]
    marker = contract.delete_marker
    content = [
        LOADER_VERSION,
        contract.reading_hash(),
        contract.delivery,
        [marker.column, marker.equals] if marker else None,
        sorted(ranks),
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
