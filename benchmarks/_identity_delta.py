"""A day of changes to records that were linked before.

What linking costs that day, beside linking everything, and whether both come out the same. Does not
belong here: which sets there are (``_identity_sets``), or linking itself.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from benchmarks._identity_steps import Steps, Taken
from benchmarks.figures import Figure, figure
from cdp_pipeline.identity import (
    IdentityColumns,
    LinkageModel,
    link,
    shared_identifiers,
    standardise,
    train,
)

# Records that differ on the second day: a quarter each has another family name, no telephone any
# more, gone, and come.
CHANGED = 10_000
_BAR_SECONDS = 5.0
_MADE = ("record_pairs", "record_clusters", "match_weights", "unlinkable_records", "linkage_drift")
# What a later linking sees of an earlier one, by the name it has there.
_EARLIER = {
    "standardised_records": "standardised_records",
    "standardised_attributes": "standardised_attributes",
    "shared_identifiers": "shared_identifiers",
    "record_pairs": "record_pairs",
    "record_clusters": "linked_clusters",
}


def delta_figures(steps: Steps, columns: IdentityColumns, subject: str) -> list[Figure]:
    """Link staged records, and what became of them a day later: as a whole, and what is new."""
    _standardise(steps, columns)
    model = steps.read(lambda con: train(con, columns, seed=1), taken=Taken())
    _link(steps, model, columns)
    today = Steps(steps.folder.parent / "today")
    _change(steps.folder, today.folder)
    _standardise(today, columns)
    whole = _link(today, model, columns)
    kept = steps.folder.parent / "whole"
    kept.mkdir()
    for table in _MADE:
        shutil.move(_file(today.folder, "identity", table), kept / f"{table}.parquet")
    _remember(steps.folder, today.folder, model)
    new = _link(today, model, columns)
    with duckdb.connect() as con:
        records = con.read_parquet(str(kept / "record_clusters.parquet")).shape[0]
        different = sum(
            _different(con, kept / f"{table}.parquet", _file(today.folder, "identity", table))
            for table in _MADE
        )
    everything = f"{whole.wall:.1f} s wall, {whole.cpu:.1f} s CPU for everything"
    return [
        figure(f"{subject}.records", records, "records"),
        figure(f"{subject}.changed", CHANGED, "records"),
        figure(f"{subject}.wall_seconds", new.wall, "s", bar=_BAR_SECONDS, reference=everything),
        figure(f"{subject}.cpu_seconds", new.cpu, "s", reference=everything),
        figure(f"{subject}.different_rows", different, "rows", bar=0),
    ]


def _file(folder: Path, schema: str, table: str) -> Path:
    return folder / f"{schema}.{table}.parquet"


def _standardise(steps: Steps, columns: IdentityColumns) -> None:
    steps.make(lambda con: standardise(con, columns), "standardised_records",
               "standardised_attributes", "rejected_identifiers", taken=Taken())  # fmt: skip
    steps.make(lambda con: shared_identifiers(con, columns), "shared_identifiers", taken=Taken())


def _link(steps: Steps, model: LinkageModel, columns: IdentityColumns) -> Taken:
    taken = Taken()
    steps.make(lambda con: link(con, model, columns), *_MADE, taken=taken)
    return taken


def _change(yesterday: Path, today: Path) -> None:
    """Write the staged records as they are a day later."""
    today.mkdir()
    for file in yesterday.glob("*.parquet"):
        if not file.name.startswith(("identity.", "staging.customer_records.")):
            shutil.copy(file, today / file.name)
    with duckdb.connect() as con:
        con.execute(
            f"""create table numbered as
            select *, row_number() over (order by hash(source, record_id), source, record_id) as no
            from read_parquet('{_file(yesterday, "staging", "customer_records")}')"""
        )
        part = CHANGED // 4
        con.execute(
            f"""copy (
                select * exclude (no) replace (
                    if(no <= {part}, 'Ny' || family_name, family_name) as family_name,
                    if(no > {part} and no <= {2 * part}, null, phone) as phone
                ) from numbered where no <= {2 * part} or no > {3 * part}
                union all by name
                select * exclude (no) replace ('again-' || record_id as record_id) from numbered
                where no > {3 * part} and no <= {4 * part}
                order by source, record_id
            ) to '{_file(today, "staging", "customer_records")}' (format parquet)"""
        )


def _remember(yesterday: Path, today: Path, model: LinkageModel) -> None:
    """Show today what was linked yesterday, and by which model."""
    for table, name in _EARLIER.items():
        shutil.copy(_file(yesterday, "identity", table), _file(today, "earlier", name))
    with duckdb.connect() as con:
        con.execute(
            f"copy (select '{model.version}' as model_version)"
            f" to '{_file(today, 'earlier', 'linkage_model')}' (format parquet)"
        )


def _different(con: duckdb.DuckDBPyConnection, one: Path, other: Path) -> int:
    """Return how many rows are in one of two files only."""
    both = (f"from read_parquet('{one}')", f"from read_parquet('{other}')")
    return sum(
        int(con.sql(f"select count(*) from ({a} except all {b})").fetchall()[0][0])
        for a, b in (both, both[::-1])
    )
