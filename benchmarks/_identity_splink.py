"""Splink with its library's comparisons, on the same standardised records: what to compare with.

Belongs here: library comparisons by kind of column, equality blocking, expectation maximisation,
connected components at a probability of .95. Nothing here is tuned to a set, and nothing of it is
used by the package.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from cdp_pipeline.identity.work import JOINED, Evidence, evidence_of

if TYPE_CHECKING:
    import duckdb

    from cdp_pipeline.identity import IdentityColumns

# What Splink's documentation takes for a match when clusters are made.
CLUSTERED_AT = 0.95
_RECORDS = "splink_records"
_RANDOM_PAIRS = 1e6
_KEPT_AT = 0.01
# Kinds of columns that bring candidates together, two at a time.
_TOGETHER = ("given_name", "family_name", "date", "postcode", "text")
# Pairs per record that a rule may make: its documentation says to count them first.
_MOST_PAIRS = 10.0
# Believed share of true pairs that the exact agreements below find.
_RECALL = 0.7


def link_by_splink(con: duckdb.DuckDBPyConnection, columns: IdentityColumns) -> dict[str, str]:
    """Train and link standardised records; return ``identity.record_clusters`` as SQL.

    Reads what `cdp_pipeline.identity.link` reads.
    """
    evidence = evidence_of(con, columns)
    _clean(con, evidence)
    return {"identity.record_clusters": _clusters(con, evidence)}


def _clean(con: duckdb.DuckDBPyConnection, evidence: tuple[Evidence, ...]) -> None:
    """Make the table to link: values that too many share would glue everything together."""
    shared = "select value from identity.shared_identifiers where identity_column = "
    replaced = ", ".join(
        f"if(cast({e.name} as varchar) in ({shared}'{e.name}'), null, {e.name}) as {e.name}"
        for e in evidence
    )
    con.execute(f"create temp table {_RECORDS} as select * replace ({replaced}) from {JOINED}")


@dataclass(frozen=True)
class _Columns:
    """The columns of a set by kind, those it has."""

    evidence: tuple[Evidence, ...]

    def of(self, *kinds: str) -> list[str]:
        return [e.name for e in self.evidence if e.column.kind in kinds]

    def rules(self, *kinds: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return the first column of each kind, for combinations of kinds that the set has."""
        found = [tuple(self.of(kind)[0] for kind in some if self.of(kind)) for some in kinds]
        return [columns for columns, some in zip(found, kinds, strict=True)
                if len(columns) == len(some)]  # fmt: skip


def _clusters(con: duckdb.DuckDBPyConnection, evidence: tuple[Evidence, ...]) -> str:
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    columns = _Columns(tuple(e for e in evidence if e.column.kind != "source"))
    identifiers = [(name,) for name in columns.of("identifier")]
    possible = identifiers + columns.rules(("email",), ("phone",), *combinations(_TOGETHER, 2))
    blocking = [rule for rule in possible if _pairs_per_record(con, rule) <= _MOST_PAIRS]
    surely = identifiers + columns.rules(
        ("email", "given_name"), ("given_name", "family_name", "date")
    )
    rounds = columns.rules(("given_name", "family_name"), ("date",), ("email",))[:2]
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_no",
        comparisons=[_comparison(e) for e in columns.evidence],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in blocking],
    )
    linker = Linker(DuckDBAPI(con).register(_RECORDS), settings)
    logging.getLogger("splink").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linker.training.estimate_probability_two_random_records_match(
            [block_on(*rule) for rule in surely or blocking[:1]], recall=_RECALL
        )
        linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS, seed=1)
        for rule in rounds:
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
        pairs = linker.inference.predict(threshold_match_probability=_KEPT_AT)
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=CLUSTERED_AT
        )
    return (
        "select record_no, dense_rank() over (order by cluster_id) as cluster_no"
        f" from {found.physical_name}"
    )


def _pairs_per_record(con: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> float:
    """Return how many pairs of records are equal in some columns, per record."""
    held = " and ".join(f"{c} is not null" for c in columns)
    found = con.sql(
        f"""select coalesce(sum(n * (n - 1) / 2), 0) / (select count(*) from {_RECORDS})
        from (select count(*) as n from {_RECORDS} where {held} group by {", ".join(columns)})"""
    ).fetchall()
    return float(found[0][0])


def _comparison(evidence: Evidence) -> Any:
    """Return the comparison that Splink's library has for a kind of column."""
    import splink.comparison_library as cl

    name, kind = evidence.name, evidence.column.kind
    if kind in ("given_name", "family_name", "full_name"):
        return cl.NameComparison(name)
    if kind == "date":
        return cl.DateOfBirthComparison(name, input_is_string=False)
    if kind == "email":
        return cl.EmailComparison(name)
    if kind == "address":
        return cl.JaroWinklerAtThresholds(name, [0.9, 0.8])
    return cl.ExactMatch(name).configure(term_frequency_adjustments=True)
