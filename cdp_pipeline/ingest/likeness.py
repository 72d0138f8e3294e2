"""Whether a file's new column holds what a missing one held, judged by the values they share.

Belongs here: sampling a file's column and the last delivery's. What is concluded from it stands in
``drift``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import Delivery, loaded_file
from cdp_pipeline.ingest.drift import Likeness
from cdp_pipeline.ingest.jobs import MOST_RAW_BYTES, Job
from cdp_pipeline.ingest.plain_text import UnreadableFileError
from cdp_pipeline.ingest.text_files import Scanner, TextFile, split_record

SAMPLE_SIZE = 10_000
Sample = Callable[[str], set[str]]
"""The first values of a file's column, by its header."""


def first_records(contract: SourceTable, text: TextFile, most: int = 1_000) -> list[list[str]]:
    """Return the values of a CSV file's first records; records that are none are left out."""
    numbers = range(1, min(most, text.rows) + 1)
    rows = []
    for raw in Scanner.of(contract).records(text, numbers, largest=MOST_RAW_BYTES):
        with suppress(UnreadableFileError):
            rows.append(split_record(contract, raw.decode("utf-8", "replace").lstrip("\ufeff")))
    return [row for row in rows if any(row)]


def sampled_csv(contract: SourceTable, text: TextFile, header: Sequence[str]) -> Sample:
    """Return a function that returns the first values of a file's column as text."""

    def sample(title: str) -> set[str]:
        titles = [name.strip("\ufeff") for name in header]
        if title not in titles:
            return set()
        place = titles.index(title)
        rows = first_records(contract, text, SAMPLE_SIZE)
        return {row[place] for row in rows if len(row) > place and row[place]}

    return sample


def sampled_parquet(path: Path) -> Sample:
    """Return a function that returns the first values of a file's column as text."""
    import pyarrow.parquet as pq

    def sample(title: str) -> set[str]:
        with pq.ParquetFile(path) as parquet:
            first = next(parquet.iter_batches(batch_size=SAMPLE_SIZE, columns=[title]), None)
        values = [] if first is None else first.column(0).to_pylist()
        return {str(value) for value in values if value is not None}

    return sample


def likeness_to(job: Job, sample: Sample, before: Delivery | None) -> Likeness | None:
    """Return how alike a file's column and the last delivery's are, by the values they share."""
    if before is None:
        return None
    import pyarrow.parquet as pq

    path = loaded_file(job.contract, job.store, before.delivery)

    def likeness(title: str, name: str) -> float:
        if name not in (before.columns or {}):
            return 0.0
        with pq.ParquetFile(path) as parquet:
            batches = parquet.iter_batches(batch_size=SAMPLE_SIZE, columns=[name])
            known = [str(v) for b in batches for v in b.column(0).to_pylist() if v is not None]
        found = sample(title)
        # Numbers and times are written another way in the file: compare their leading part.
        short = {value[:10] for value in known}
        return sum(value[:10] in short for value in found) / len(found) if found else 0.0

    return likeness
