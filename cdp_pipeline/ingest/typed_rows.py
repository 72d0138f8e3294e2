"""Writing typed rows: one query from what a file holds to Parquet, bad values marked.

Belongs here: the sealed connection a file is read in, and the one pass over its rows. How a single
value is parsed stands in ``values``, which rows then count in ``judging``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.jobs import Job
from cdp_pipeline.ingest.values import Parsed
from cdp_pipeline.warehouse.engine import Connection, identifier, literal, sealed_connection

NUL_PROBLEM = 65_535
SHAPE_PROBLEM = 65_534
"""A record that is no row at all, in formats where the engine cannot tell."""

# Version 2 encodings are smaller and a tenth quicker to write; pyarrow, pandas and Spark read them.
# A dictionary is kept where a column has few values; trying one of thousands costs a sixth more.
PARQUET_OPTIONS = (
    "(format parquet, parquet_version v2, compression zstd, compression_level 1,"
    " dictionary_size_limit 100, use_tmp_file false)"
)


@contextmanager
def connection(job: Job, work: Path, inputs: Sequence[Path]) -> Iterator[Connection]:
    """Open a database that sees the delivery and its target, and nothing else."""
    files = [*inputs, job.target, rewritten(job.target)]
    with sealed_connection(
        files=files,
        spill=work / "spill",
        threads=job.limits.threads,
        memory_limit_gb=job.limits.memory_gb,
    ) as con:
        yield con


def rewritten(target: Path) -> Path:
    """Return where rows are written a second time before they replace the first."""
    return target.with_name(f"{target.name[:-4]}.numbered.tmp")


def stored(path: Path) -> str:
    """Return the FROM clause of the rows written, with their place as ``file_row_number``."""
    return f"read_parquet({literal(path)}, file_row_number = true)"


def write_rows(
    con: Connection,
    job: Job,
    source: str,
    columns: Mapping[str, tuple[str, Parsed]],
    *,
    has_nul: bool,
    is_broken: str = "",
) -> int:
    """Write all rows of the right shape, typed and in the file's order; return how many.

    `is_broken` is a condition over `source` for records that are no rows at all.
    """
    contract = job.contract
    layer = source
    for depth in range(-1, max(len(parsed.steps) for _, parsed in columns.values())):
        also = [] if not is_broken else [f"{is_broken} as b" if depth < 0 else "b"]
        layer = f"(select {', '.join([*_layer(depth, columns), *also])} from {layer})"
    problem = _problem_case(contract, columns, has_nul=has_nul)
    if is_broken:
        problem = f"case when b then {SHAPE_PROBLEM}::usmallint else {problem} end"
    wanted = ", ".join(f"v{place} as {identifier(name)}" for place, name in enumerate(columns))
    return int(
        con.execute(
            f"copy (select {wanted}, {problem} as _problem from {layer})"
            f" to {literal(job.target)} {PARQUET_OPTIONS}"
        ).fetchall()[0][0]
    )


def _layer(depth: int, columns: Mapping[str, tuple[str, Parsed]]) -> Iterator[str]:
    """Yield the expressions of one step of all columns: raw ``r``, value ``v``, moment ``m``."""
    for place, (raw, parsed) in enumerate(columns.values()):
        if depth < 0:
            yield f"{raw} as r{place}"
            continue
        yield f"r{place}"
        words = {"raw": f"r{place}", "value": f"v{place}", "moment": f"m{place}"}
        step = parsed.steps[depth] if depth < len(parsed.steps) else "value"
        yield f"{_replaced(step, words)} as v{place}"
        if parsed.moment:
            yield f"{_replaced(parsed.moment, words)} as m{place}" if depth == 0 else f"m{place}"


def _replaced(expression: str, words: Mapping[str, str]) -> str:
    return re.sub(
        r"'(?:[^']|'')*'|\b(raw|value|moment)\b", lambda m: words.get(m[0], m[0]), expression
    )


def _problem_case(
    contract: SourceTable, columns: Mapping[str, tuple[str, Parsed]], *, has_nul: bool
) -> str:
    """Return an expression for the first thing wrong with a row; null if nothing is.

    Twice the column's place plus 1 is a missing value, plus 2 one that does not fit.
    """
    cases, nul_cases, checked = [], [], []
    for place, name in enumerate(columns):
        column, typed, raw = contract.columns[name], f"v{place}", f"r{place}"
        is_required = contract.is_required(name)
        if column.kind != "text":
            is_bad = f"{typed} is null and {raw} is not null"
            cases.append(
                f"when {is_bad} and trim(cast({raw} as varchar)) <> '' then {2 * place + 2}"
            )
        elif has_nul:
            nul_cases.append(f"when contains({typed}, chr(0)) then {NUL_PROBLEM}")
        if is_required:
            cases.append(f"when {typed} is null then {2 * place + 1}")
        if is_required or column.kind != "text":
            checked.append(f"{typed} is null")
    # Nearly every row has a value everywhere; one test for that spares it the others.
    chosen = f"case when {' or '.join(checked)} then case {' '.join(cases)} end end"
    if nul_cases:
        chosen = f"coalesce({chosen}, case {' '.join(nul_cases)} end)"
    return f"cast({chosen} as usmallint)"
