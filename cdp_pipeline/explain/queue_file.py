"""The review queue as a file for a spreadsheet.

Belongs here: the form of the file. Does not belong here: what is in the queue (``review``).

Spreadsheets of countries with a decimal comma take semicolons for separators, the others take them
as well when a file is imported; without the mark at the beginning Excel reads UTF-8 as something
else. A text that a spreadsheet would take for a formula gets an apostrophe in front, which whoever
reads the file back takes off again.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# What is written, in order: a steward fills `decision`, and the file is one of decisions: the keys
# of the two records, the decision and why are all that is needed.
COLUMNS = (
    "rank",
    "kind",
    "decision",
    "decided_by",
    "decided_at",
    "source",
    "record_id",
    "other_source",
    "other_record_id",
    "why",
    "probability",
    "match_weight",
    "record_count",
    "value_at_stake_amount",
    "value_at_risk_amount",
    "currency",
    "customer_id",
    "other_customer_id",
)
DELIMITER = ";"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_queue(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of the queue as CSV: semicolons, UTF-8 with a mark, Windows line ends."""
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=DELIMITER)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_cell(row.get(name)) for name in COLUMNS])


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value
