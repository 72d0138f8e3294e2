"""How decisions stand: in force, or why not; and the decisions of the files as they are now.

Belongs here: judging decisions before any run, with the functions of the run. Does not belong
here: the judging itself (``identity.decisions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cdp_pipeline.identity.constrain import known_records
from cdp_pipeline.identity.decisions import Decision, Judged, judge
from cdp_pipeline.ingest.contracts import clean_systems, renamed_systems
from cdp_pipeline.ingest.decisions import DecidedPair, ReadDecisions, read_decisions
from cdp_pipeline.project import home_contracts

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.identity.columns import IdentityColumns
    from cdp_pipeline.settings import Home

# What judging reads.
TABLES = (
    "sources.run_clock",
    "identity.standardised_records",
    "identity.standardised_attributes",
    "identity.linked_clusters",
)


def written(home: Home) -> ReadDecisions:
    """Return the decisions that lie in a home's files now."""
    return read_decisions(home.decisions, renamed_systems(home.sql / "sources"))


def as_decisions(pairs: Sequence[DecidedPair], withdrawn: Sequence[str] = ()) -> list[Decision]:
    """Return pairs put together to decisions, some of them taken back."""
    together: dict[str, list[DecidedPair]] = {}
    for pair in pairs:
        together.setdefault(pair.decision_id, []).append(pair)
    return [
        Decision(
            decision_id,
            rows[0].decision,
            tuple(row.keys for row in rows),
            rows[0].decided_at,
            rows[0].valid_from,
            rows[0].valid_until,
            rows[0].overrides,
            "a decision to come" if decision_id in withdrawn else rows[0].withdrawal_id,
        )
        for decision_id, rows in sorted(together.items())
    ]


def judged(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    columns: IdentityColumns,
    decisions: Sequence[Decision],
) -> dict[str, Judged]:
    """Return how decisions would stand with the records of the last run."""
    known = known_records(con, decisions, columns)
    day = con.sql("select as_of_on from sources.run_clock").fetchall()[0][0]
    found = judge(decisions, known, day, clean_systems(home_contracts(home)))
    return {j.decision.decision_id: j for j in found}
