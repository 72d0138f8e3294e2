"""Reading a Parquet delivery: its columns' types, and the rejected rows as JSON.

Belongs here: what is special about Parquet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import Delivery
from cdp_pipeline.ingest.drift import Drift, HeaderMatch, match_header, refusal, type_change
from cdp_pipeline.ingest.jobs import Job, Outcome
from cdp_pipeline.ingest.judging import judge_rows
from cdp_pipeline.ingest.likeness import likeness_to, sampled_parquet
from cdp_pipeline.ingest.plain_text import UnreadableFileError
from cdp_pipeline.ingest.typed_rows import connection, write_rows
from cdp_pipeline.ingest.values import Parsed, parse_typed
from cdp_pipeline.warehouse.engine import Connection, identifier, literal


def read_parquet(job: Job, work: Path, outcome: Outcome, before: Delivery | None) -> None:
    """Read a Parquet delivery into typed rows; what came of it is put into `outcome`.

    Raises
    ------
    UnreadableFileError
        If the delivery must be refused as a whole.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    contract = job.contract
    try:
        with pq.ParquetFile(job.file.path) as parquet:
            names, rows_said = list(parquet.schema_arrow.names), parquet.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError):
        raise UnreadableFileError(
            "it is not a whole Parquet file",
            f"Deliver it again, or change `format:` at {contract.where('format')}.",
        ) from None
    outcome.delivered = rows_said
    if rows_said > 1_000_000 and rows_said > 100 * job.file.size:
        raise UnreadableFileError(
            f"it says it has {rows_said} rows in {job.file.size} bytes, more than rows with"
            " different keys fit in",
            f"Ask the owner, {contract.owner}, what this file is.",
        )
    sample = sampled_parquet(job.file.path)
    match = match_header(contract, names, likeness_to(job, sample, before))
    outcome.drift = match.drift
    if match.breaking:
        raise UnreadableFileError(*refusal(match.breaking))
    link = work / "delivery.parquet"
    link.symlink_to(job.file.path.resolve())
    source = f"read_parquet({literal(link)})"
    with connection(job, work, [link]) as con:
        columns = _parquet_columns(con, contract, source, match)
        outcome.drift = (*match.drift, *columns.changed)
        if columns.changed:
            raise UnreadableFileError(*refusal(columns.changed))
        rows = write_rows(con, job, source, columns.parsed, has_nul=False)
        if rows != rows_said:
            raise UnreadableFileError(
                f"it says it has {rows_said} rows, but {rows} were read", "Deliver it again."
            )
        judge_rows(con, job, outcome, rows, {})
        _fetch_raw_rows(con, source, outcome)


@dataclass(frozen=True, slots=True)
class _ParquetColumns:
    parsed: dict[str, tuple[str, Parsed]]
    changed: tuple[Drift, ...]


def _parquet_columns(
    con: Connection, contract: SourceTable, source: str, match: HeaderMatch
) -> _ParquetColumns:
    """Return how each contract column is made from a Parquet file's columns."""
    described = con.execute(f"describe select * from {source}").fetchall()
    types = {
        contract_name: (row[0], row[1])
        for contract_name, row in zip(match.columns, described, strict=True)
        if contract_name is not None
    }
    parsed: dict[str, tuple[str, Parsed]] = {}
    changed = []
    for name, column in contract.columns.items():
        if name not in types:
            parsed[name] = (f"cast(null as {column.type})", Parsed())
            continue
        raw = identifier(types[name][0])
        if types[name][1] in ("DOUBLE", "FLOAT"):
            # pandas turns integers with gaps into doubles, and the gaps into NaN. Compared as text:
            # Parquet's statistics leave NaN out, so DuckDB 2.0 folds isnan() to false over a file.
            raw = f"case when cast({raw} as varchar) <> 'nan' then {raw} end"
        made = parse_typed(column, contract, types[name][1])
        if made is None:
            changed.append(type_change(contract, name, types[name][1]))
        else:
            parsed[name] = (raw, made)
    return _ParquetColumns(parsed, tuple(changed))


def _fetch_raw_rows(con: Connection, source: str, outcome: Outcome) -> None:
    """Read the rejected rows of a Parquet file once more, as JSON."""
    if not outcome.rejects:
        return
    import pyarrow as pa

    rows = pa.array([number - 1 for number in sorted(outcome.rejects)], type=pa.int64())
    con.register("rejected", pa.table({"r": rows}))
    numbered = source[:-1] + ", file_row_number = true)"
    found = con.execute(
        f"select file_row_number, cast(to_json(columns) as varchar) from (select file_row_number,"
        f" t as columns from {numbered} as t)"
        " where file_row_number in (select r from rejected)"
    ).fetchall()
    outcome.raw_texts = {int(row) + 1: text for row, text in found}
