"""The deliveries of a source table, each described by a JSON file beside what was loaded of it.

Belongs here: `Delivery`, its sidecar, and the order deliveries count in. A delivery counts from
the moment its sidecar is renamed into place, which is the last thing loading does; anything else
in the folder is left over from a run that was killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cdp_pipeline.ingest.contracts import SourceTable
from cdp_pipeline.ingest.drift import Drift

LOADER_VERSION = 2
"""Changed when the same file under the same contract would load differently."""

SIDECAR_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one landed file.

    Attributes
    ----------
    delivery : str
        Id of the content under the contract's way of reading it; 16 hex digits.
    source_table : str
        Such as ``sources.webshop_orders``.
    file : str
        The file's name below the landing folder.
    sha256, bytes : str, int
        Of the file as landed.
    status : str
        ``loaded``, ``refused`` (nothing of it counts), or ``already_loaded`` (the same content
        came before, under another name).
    rows_delivered : int
        Records in the file; for a refused file that cannot be parsed, its lines, as far as it
        unpacks; 0 if it is no table.
    rows_loaded, rows_rejected : int
        Of a loaded file; together they are `rows_delivered`.
    drift : tuple of Drift
        Differences from the contract.
    reason, hint : str
        Why it was refused, and what to do.
    seconds : float
        Time loading took.
    loaded_at : str
        When, in UTC.
    sequence, batch : int
        Order of landing, and the load it came with; both from 1.
    reading : str
        Hash of the contract's way of reading it.
    columns : dict of str to str
        Types of the columns in the Parquet file.
    has_problem_rows : bool
        Whether the Parquet file holds rejected rows, marked by ``_problem``.
    has_record_numbers : bool
        Whether the Parquet file has ``_record_number``; else it follows from the row's place.
    row_gaps : tuple of int
        Rows before which a record is missing in the Parquet file, because it had the wrong shape.
    dropped_rows : tuple of int
        Rows of the Parquet file that do not count, being duplicates; from 0.
    """

    delivery: str
    source_table: str
    file: str
    sha256: str
    bytes: int
    status: Literal["loaded", "refused", "already_loaded"]
    rows_delivered: int
    rows_loaded: int
    rows_rejected: int
    sequence: int
    batch: int
    reading: str
    drift: tuple[Drift, ...] = ()
    reason: str = ""
    hint: str = ""
    seconds: float = 0.0
    loaded_at: str = ""
    columns: dict[str, str] | None = None
    has_problem_rows: bool = False
    has_record_numbers: bool = False
    row_gaps: tuple[int, ...] = ()
    dropped_rows: tuple[int, ...] = ()

    @property
    def rows_refused(self) -> int:
        """Return the records of a file that was refused as a whole."""
        return self.rows_delivered if self.status == "refused" else 0

    @property
    def rows_already_loaded(self) -> int:
        """Return the records of a file whose content was loaded before."""
        return self.rows_delivered if self.status == "already_loaded" else 0

    def sidecar_name(self) -> str:
        """Return the name of its JSON file."""
        if self.status == "loaded":
            return f"{self.delivery}{SIDECAR_SUFFIX}"
        name = hashlib.sha256(self.file.encode()).hexdigest()[:8]
        return f"{self.delivery}-{name}{SIDECAR_SUFFIX}"


def delivery_id(contract: SourceTable, sha256: str) -> str:
    """Return the id of a content read the contract's way."""
    identity = f"{LOADER_VERSION}:{sha256}:{contract.reading_hash()}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def table_folder(contract: SourceTable, store: Path) -> Path:
    """Return the folder of a source table's deliveries."""
    return store / contract.folder


def loaded_file(contract: SourceTable, store: Path, delivery: str) -> Path:
    """Return the Parquet file of a delivery's rows."""
    return table_folder(contract, store) / f"{delivery}.parquet"


def rejected_file(contract: SourceTable, store: Path, delivery: str) -> Path:
    """Return the Parquet file of a delivery's rejected records; there is none if none were."""
    return table_folder(contract, store) / f"{delivery}.rejected.parquet"


def write_sidecar(delivery: Delivery, folder: Path) -> None:
    """Make a delivery count."""
    content = asdict(delivery)
    target = folder / delivery.sidecar_name()
    temporary = folder / f".{target.name}.{os.getpid()}.tmp"
    temporary.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    temporary.replace(target)


def adopt_former(contract: SourceTable, store: Path) -> None:
    """Let a renamed table go on with what was loaded under its former name."""
    if contract.former_folder is None:
        return
    former, folder = store / contract.former_folder, table_folder(contract, store)
    has_own = any(not path.name.startswith(".") for path in folder.glob(f"*{SIDECAR_SUFFIX}"))
    if not has_own and any(former.glob(f"*{SIDECAR_SUFFIX}")):
        shutil.rmtree(folder, ignore_errors=True)
        former.replace(folder)


def read_deliveries(contract: SourceTable, store: Path) -> list[Delivery]:
    """Return a table's deliveries in the order they landed."""
    folder = table_folder(contract, store)
    found = [
        # A table that was renamed has its former name in what was written before.
        _from_json({**json.loads(path.read_text(encoding="utf-8")), "source_table": contract.name})
        for path in folder.glob(f"*{SIDECAR_SUFFIX}")
        if not path.name.startswith(".")
    ]
    return sorted(found, key=lambda d: (d.sequence, d.delivery, d.file))


def _from_json(content: dict[str, Any]) -> Delivery:
    content["drift"] = tuple(Drift(**drift) for drift in content["drift"])
    for name in ("row_gaps", "dropped_rows"):
        content[name] = tuple(content[name])
    return Delivery(**content)


def active_deliveries(contract: SourceTable, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return the deliveries whose rows are the table's current rows, in the order they count.

    A snapshot is replaced by the next one, also by one that landed before under another name. A
    delta that lands again changes nothing. A delivery read under an older contract counts only
    while the same content has not been read anew.
    """
    deliveries = sorted(deliveries, key=lambda d: d.sequence)
    newest_reading: dict[str, Delivery] = {}
    current = contract.reading_hash()
    for delivery in deliveries:
        known = newest_reading.get(delivery.sha256)
        if delivery.status == "loaded" and (known is None or known.reading != current):
            newest_reading[delivery.sha256] = delivery
    if contract.delivery == "snapshot":
        landed = [d for d in deliveries if d.sha256 in newest_reading and d.status != "refused"]
        return [newest_reading[landed[-1].sha256]] if landed else []
    return sorted(newest_reading.values(), key=lambda d: d.sequence)
