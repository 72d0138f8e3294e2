"""Comparing candidate pairs: the level of agreement in every column.

Belongs here: the comparison levels as one SQL statement over nodes and pairs, and how often values
occur. The levels are those Splink computes for the same settings (a test holds them equal); run
this way, a pair takes a byte per column instead of several doubles. Does not belong here: choosing
pairs, or what a level is worth (``mixture``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.comparisons import SLIPS, comparison
from cdp_pipeline.identity.sql import number
from cdp_pipeline.identity.work import NODES, RECORD_NODES, Work

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.blocking import Pairs

# Values that fewer nodes hold share one frequency: it keeps rare personal values out of the model.
RARE = 5
# Compared pairs taken from the engine at once.
_BATCH = 200_000


@dataclass(frozen=True)
class ComparedPairs:
    """Pairs of nodes and how far their columns agree, sorted by pair.

    Attributes
    ----------
    left, right
        Node numbers, left below right.
    levels
        One row per pair, one column per comparison: -1 missing, 0 different, higher is closer.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    levels: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.left)

    def where(self, mask: NDArray[Any] | slice) -> ComparedPairs:
        """Return the pairs that a mask, index or slice selects."""
        return ComparedPairs(self.left[mask], self.right[mask], self.levels[mask])


def codes_of(levels: NDArray[np.int8]) -> NDArray[Any]:
    """Return one value per row of levels that is equal where the rows are.

    A number where there is room for one, which sorts many times as fast as bytes.
    """
    bases = [int(column.max(initial=0)) + 2 for column in levels.T]
    if math.prod(bases) >= 1 << 64:
        return np.ascontiguousarray(levels).view(f"V{levels.shape[1]}").ravel()
    codes = np.zeros(len(levels), dtype=np.uint64)
    for column, base in zip(levels.T, bases, strict=True):
        codes *= np.uint64(base)
        codes += (column + np.int8(1)).astype(np.uint64)
    return codes


def joined_pairs(parts: list[ComparedPairs]) -> ComparedPairs:
    """Return several lists of pairs as one, as they stand."""
    return ComparedPairs(
        np.concatenate([p.left for p in parts]),
        np.concatenate([p.right for p in parts]),
        np.concatenate([p.levels for p in parts]),
    )


def splink_settings(con: duckdb.DuckDBPyConnection, work: Work) -> dict[str, Any]:
    """Return untrained Splink settings for the evidence at hand."""
    columns = frozenset(con.table(NODES).columns)
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "node_no",
        "comparisons": [comparison(e, columns) for e in work.evidence],
        "blocking_rules_to_generate_predictions": [],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "probability_two_random_records_match": 1e-4,
    }


def names_of(settings: dict[str, Any]) -> list[str]:
    """Return the compared columns, in the order of the levels' columns."""
    return [c["output_column_name"] for c in settings["comparisons"]]


def frequency_columns(settings: dict[str, Any]) -> list[str]:
    """Return the columns in which agreement on a rare value is worth more."""
    return [
        level["tf_adjustment_column"]
        for c in settings["comparisons"]
        for level in c["comparison_levels"]
        if level.get("tf_adjustment_column")
    ]


def learn_frequencies(
    con: duckdb.DuckDBPyConnection, columns: list[str]
) -> dict[str, dict[str, Any]]:
    """Return the share of nodes that hold each value, for values held by many.

    All rarer values share one frequency, ``rest``. So a model never lists a value that only a few
    people have, and stays small.
    """
    learned: dict[str, dict[str, Any]] = {}
    for name in columns:
        # Rare values as their number and how many hold them, beside each common one.
        counts = con.sql(
            f"""with counts as (
                select {name} as value, count(*) as n from {NODES}
                where {name} is not null group by value
            )
            select cast(if(n < {RARE}, null, value) as varchar) as value, sum(n), count(*)
            from counts group by all order by value nulls first"""
        ).fetchall()
        rare, rare_values = next(((n, m) for value, n, m in counts if value is None), (0, 0))
        common = [(value, n) for value, n, _ in counts if value is not None]
        total = max(int(sum(n for _, n, _ in counts)), 1)
        learned[name] = {
            "rest": nine_digits(rare / rare_values / total if rare_values else 1 / total),
            "values": {value: nine_digits(count / total) for value, count in common},
        }
    return learned


def node_frequencies(
    con: duckdb.DuckDBPyConnection,
    frequencies: dict[str, dict[str, Any]],
    known: dict[str, NDArray[np.float64]] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return, per column, log2 of the model's frequency of each node's value, by node number.

    ``known`` is what this gave when ``identity_nodes`` held fewer nodes; it is filled up.
    """
    size = number(con, f"select max(node_no) + 1 from {RECORD_NODES}")
    found = {} if known is None else known
    for name, learned in frequencies.items():
        values = learned["values"]
        con.register(
            "identity_frequencies",
            pa.table(
                {
                    "value": pa.array(list(values), pa.string()),
                    "log2_share": pa.array(np.log2(list(values.values())), pa.float64()),
                }
            ),
        )
        result = con.sql(
            f"""select n.node_no, f.log2_share from {NODES} as n
            inner join identity_frequencies as f on cast(n.{name} as varchar) = f.value"""
        ).to_arrow_table()
        con.unregister("identity_frequencies")
        if name not in found:
            found[name] = np.full(size, np.log2(learned["rest"]))
        found[name][result["node_no"].to_numpy()] = result["log2_share"].to_numpy()
    return found


def compare_pairs(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], pairs: Pairs
) -> ComparedPairs:
    """Compare pairs of nodes, a bounded number at a time."""
    names = names_of(settings)
    cases = [f"{_case(c)} as {c['output_column_name']}" for c in settings["comparisons"]]
    both = [f"l.{c} as {c}_l, r.{c} as {c}_r" for c in _columns_used(con, settings)]
    levels = np.empty((len(pairs), len(names)), dtype=np.int8)
    con.register(
        "identity_pairs",
        pa.table(
            {
                "pair_no": np.arange(len(pairs), dtype=np.int32),
                "left_no": pairs.left,
                "right_no": pairs.right,
            }
        ),
    )
    result = con.sql(
        f"""select {", ".join(["pair_no", *cases])} from (
            select {", ".join(["p.pair_no", *both])}
            from identity_pairs as p
            inner join {NODES} as l on p.left_no = l.node_no
            inner join {NODES} as r on p.right_no = r.node_no
        )"""
    ).to_arrow_reader(_BATCH)
    for batch in result:
        where = batch.column(0).to_numpy()
        for position in range(len(names)):
            levels[where, position] = batch.column(position + 1).to_numpy()
    con.unregister("identity_pairs")
    return ComparedPairs(pairs.left, pairs.right, levels)


def level_count(c: dict[str, Any]) -> int:
    """Return how many levels a comparison has, "missing" left out."""
    return len(c["comparison_levels"]) - 1


def level_shares(c: dict[str, Any], key: str) -> NDArray[np.float64]:
    """Return the probabilities of a comparison's levels, "different" first and "same" last."""
    levels = [level for level in c["comparison_levels"] if not level.get("is_null_level")]
    return np.array([level[key] for level in reversed(levels)], dtype=float)


def slip_levels(c: dict[str, Any]) -> list[int]:
    """Return the levels of a comparison at which the values differ by slips."""
    levels = [level for level in c["comparison_levels"] if not level.get("is_null_level")]
    return [
        value for value, level in enumerate(reversed(levels)) if level["label_for_charts"] in SLIPS
    ]


def log2_odds(probability: float) -> float:
    """Return the log2 odds of a probability."""
    return float(np.log2(probability / (1 - probability)))


def nine_digits(value: float) -> float:
    """Keep nine digits: the rest differs between runs."""
    return float(f"{value:.9g}")


def _case(c: dict[str, Any]) -> str:
    levels = c["comparison_levels"]
    parts = [f"when {levels[0]['sql_condition']} then -1"]
    value = len(levels) - 2
    for level in levels[1:-1]:
        parts.append(f"when {level['sql_condition']} then {value}")
        value -= 1
    return f"cast(case {' '.join(parts)} else 0 end as tinyint)"


def _columns_used(con: duckdb.DuckDBPyConnection, settings: dict[str, Any]) -> list[str]:
    text = " ".join(
        level["sql_condition"] for c in settings["comparisons"] for level in c["comparison_levels"]
    )
    return [name for name in con.table(NODES).columns if f"{name}_l" in text]
