"""One file being loaded: what the job is, and what has come of it so far.

Belongs here: the values that the readers of CSV and Parquet, the judge of rows and the loader hand
to each other. Nothing here does anything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.deliveries import loaded_file
from cdp_pipeline.ingest.drift import Drift
from cdp_pipeline.ingest.landing import LandedFile

MOST_RAW_BYTES = 1 << 16
"""Of a longer rejected record only the start is kept."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What loading may use.

    Attributes
    ----------
    threads : int
        Threads of the engine.
    memory_gb : float
        Memory of the engine before it spills, in GB.
    expanded_gb : float
        What a compressed file may unpack to, in GB.
    """

    threads: int = 2
    memory_gb: float = 4.0
    expanded_gb: float = 64.0


@dataclass(frozen=True, slots=True)
class Job:
    """A landed file to load: under which contract, as which delivery, with which limits."""

    contract: SourceTable
    file: LandedFile
    id: str
    store: Path
    limits: Limits

    @property
    def target(self) -> Path:
        """Where the rows are written before they count."""
        final = loaded_file(self.contract, self.store, self.id)
        return final.with_name(f".{final.name}.{os.getpid()}.tmp")


@dataclass(frozen=True, slots=True)
class Reject:
    """Why one record was not loaded."""

    column: str
    reason: str
    hint: str
    is_harmless: bool = False


@dataclass
class Outcome:
    """What came of reading a file; `refusal` is empty if it can be loaded.

    `raw_texts` and `bad_values` hold values as delivered: they never reach a message.
    """

    delivered: int = 0
    loaded: int = 0
    rejects: dict[int, Reject] = field(default_factory=dict)
    raw_texts: dict[int, str] = field(default_factory=dict)
    drift: tuple[Drift, ...] = ()
    refusal: str = ""
    hint: str = ""
    has_problem_rows: bool = False
    has_record_numbers: bool = False
    row_gaps: tuple[int, ...] = ()
    dropped_rows: tuple[int, ...] = ()
    bad_values: dict[str, list[str]] = field(default_factory=dict)
