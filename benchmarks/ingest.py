"""How much loading costs next to DuckDB reading the same file unchecked.

Every figure is CPU seconds of this process, the best of a few runs that alternate with their
reference, because the machines this runs on are shared. Process start and imports are not in it.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet  # noqa: F401  (its import must not count)

from benchmarks import checks, proposing
from cdp_pipeline.ingest import (
    Limits,
    SourceTable,
    current_rows,
    load_contracts,
    load_source,
    read_deliveries,
)

_CONTRACT = """
system: till
description: Synthetic till.
owner: benchmarks
time_zone: Europe/Stockholm
tables:
  lines:
    description: One row per receipt line.
    files: "lines*.csv"
    delivery: delta
    key: [receipt_id, line_no]
    columns:
      receipt_id: {type: text, doc: "Receipt number."}
      line_no: {type: integer, doc: "Line on the receipt."}
      customer_id: {type: text, personal: pseudonym, doc: "Member."}
      product_id: {type: text, required: true, doc: "Product."}
      sold_at: {type: timestamp, format: "%Y-%m-%d %H:%M:%S", required: true, doc: "Local time."}
      quantity: {type: integer, required: true, doc: "Pieces."}
      amount: {type: "decimal(18,2)", required: true, doc: "Paid."}
      channel: {type: text, doc: "Store or web."}
"""


def run(rows: int = 10_000_000, repeats: int = 3) -> list[dict[str, Any]]:
    """Measure loading `rows` CSV records, one in 1,000 of them bad, and a delta of 1 % of them."""
    with tempfile.TemporaryDirectory(prefix="cdp-ingest-") as name:
        folder = Path(name)
        landing = folder / "landing"
        landing.mkdir()
        contract = _contract(folder)
        whole = landing / "lines1.csv"
        _write_lines(whole, 0, rows, bad_every=1_000)
        reference, loading = [], []
        for _ in range(repeats):
            reference.append(_cpu(lambda: _unchecked(whole, folder / "unchecked.parquet")))
            shutil.rmtree(folder / "store", ignore_errors=True)
            loading.append(_cpu(lambda: _load(contract, folder)))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        _check_accounting(contract, folder, rows)
        # A hundredth of the rows: half of them new versions of old ones, half new.
        delta = rows // 100
        _write_lines(landing / "lines2.csv", rows - delta // 2, delta, bad_every=1_000)
        delta_seconds = _cpu(lambda: _load(contract, folder))
    ratio = min(loading) / min(reference)
    share = delta_seconds / min(loading)
    said = f"DuckDB unchecked to Parquet {min(reference):.2f} CPU s, loaded {min(loading):.2f}"
    size = f"{rows // 1_000_000}m" if rows >= 1_000_000 else str(rows)
    return [
        _row(f"ingest.csv_{size}.cpu_ratio", ratio, "x", 1.5, said),
        _row(f"ingest.csv_{size}.peak_gb", peak, "GB", 4.0, "whole process, references included"),
        _row("ingest.delta.cost_share", share, "share", 0.1, f"{delta_seconds:.2f} CPU s"),
        *map(dict, checks.run(is_whole=False)),
        *map(dict, proposing.run()),
    ]


def _row(figure: str, value: float, unit: str, bar: float, reference: str) -> dict[str, Any]:
    return {
        "figure": figure,
        "value": round(value, 3),
        "unit": unit,
        "bar": bar,
        "direction": "below",
        "ok": value <= bar,
        "reference": reference,
    }


def _contract(folder: Path) -> SourceTable:
    sources = folder / "sources"
    sources.mkdir()
    (sources / "till.yml").write_text(_CONTRACT, encoding="utf-8")
    (contract,) = load_contracts(sources)
    return contract


def _write_lines(path: Path, first: int, count: int, *, bad_every: int) -> None:
    """Write records; of those that are bad, a quarter each has one of four faults."""
    con = duckdb.connect()
    con.execute("set enable_progress_bar = false")
    con.execute(
        f"""
        copy (
            select
                'R' || (1000000 + i // 4) as receipt_id,
                i % 4 + 1 as line_no,
                'C' || (i * 7919 % 490000) as customer_id,
                'P' || (i * 104729 % 5000) as product_id,
                case
                    when i % {4 * bad_every} = 1 then '2023-02-30 10:00:00'
                    else strftime(timestamp '2022-01-01' + to_seconds(i * 9), '%Y-%m-%d %H:%M:%S')
                end as sold_at,
                case when i % {4 * bad_every} = {bad_every} + 1 then '1.5'
                    else cast(i % 5 + 1 as varchar) end as quantity,
                case when i % {4 * bad_every} = {2 * bad_every} + 1 then 'n/a'
                    else cast((i * 37 % 99900) / 100 + 1 as decimal(18, 2)) :: varchar
                end as amount,
                case when i % {4 * bad_every} = {3 * bad_every} + 1 then 'web,store'
                    when i % 3 = 0 then 'web' else 'store' end as channel
            from (select range + {first} as i from range({count}))
        ) to '{path}' (header, quote '')
        """
    )


def _unchecked(source: Path, target: Path) -> None:
    """Read the file with types given, skipping what does not fit, straight to Parquet."""
    con = duckdb.connect(config={"threads": 2})
    con.execute("set enable_progress_bar = false")
    columns = {
        "receipt_id": "varchar",
        "line_no": "bigint",
        "customer_id": "varchar",
        "product_id": "varchar",
        "sold_at": "timestamp",
        "quantity": "bigint",
        "amount": "decimal(18,2)",
        "channel": "varchar",
    }
    con.execute(
        f"copy (select * from read_csv('{source}', columns = {columns}, header = true,"
        f" auto_detect = false, ignore_errors = true)) to '{target}' (format parquet)"
    )
    con.close()


def _load(contract: SourceTable, folder: Path) -> None:
    load_source(
        contract,
        folder / "landing",
        folder / "store",
        spill=folder / "spill",
        limits=Limits(threads=2),
    )


def _check_accounting(contract: SourceTable, folder: Path, rows: int) -> None:
    deliveries = read_deliveries(contract, folder / "store")
    (loaded,) = deliveries
    current = current_rows(contract, deliveries, store=folder / "store")
    counted = duckdb.connect().execute(f"select count(*) from ({current.sql})").fetchall()[0][0]
    expected = rows - rows // 1_000
    if not loaded.rows_delivered == rows or not counted == loaded.rows_loaded == expected:
        raise AssertionError(f"rows do not tie out: {loaded.rows_loaded} of {rows}, {counted}")


def _cpu(action: Callable[[], None]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start
