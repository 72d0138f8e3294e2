"""What a linkage model meets in the data: on the day it is trained, and on every later day.

Belongs here: how filled the columns are, how far candidate pairs agree, which records could not
even be linked with a copy of themselves, and how far today lies from the day of training. Does not
belong here: whether a model is fit to be used at all (``soundness``).

Both days are seen through the model's own blocking rules, so a difference is one of the data. No
value of a person is looked at: only columns, levels and counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cdp_pipeline.identity.blocking import BlockingRule, Key, NodeKeys, make_pairs
from cdp_pipeline.identity.exact import smallest_of_component
from cdp_pipeline.identity.mixture import evidence
from cdp_pipeline.identity.model import LinkageModel, Seen
from cdp_pipeline.identity.score import (
    ComparedPairs,
    compare_pairs,
    level_count,
    level_shares,
    log2_odds,
    names_of,
    nine_digits,
)
from cdp_pipeline.identity.sql import rows
from cdp_pipeline.identity.work import JOINED

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.work import Nodes

# The candidate pairs of about so many distinct records are looked at.
NODES_SEEN = 10_000
# With fewer distinct records or candidate pairs on either day, drift cannot be told from chance.
LEAST_TO_COMPARE = 200
# Population stability index of a column: to the first calm, to the second worth a watch; beyond,
# somebody should train anew; beyond the third the next run does.
WATCH, MOVED, FAR = 0.1, 0.25, 1.0
# Match weights at which the share of records that cannot reach them is told.
_WEIGHTS = np.arange(-10.0, 31.0, 1.0)


def rules_of(model: LinkageModel) -> list[BlockingRule]:
    """Return the model's blocking rules."""
    return [
        BlockingRule(tuple(Key(column, expression) for column, expression in keys))
        for keys in model.blocking
    ]


def seen_by(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    keys: NodeKeys | None = None,
    frequencies: dict[str, NDArray[np.float64]] | None = None,
    filled: list[tuple[list[bool], int]] | None = None,
    nodes: Nodes | None = None,
) -> Seen:
    """Look at the data at hand through a model that has learnt classes of pairs.

    Reads ``identity_nodes``, which training and linking make.

    Parameters
    ----------
    keys
        The keys of those nodes, where they are at hand.
    frequencies
        Those of the nodes' values (`node_frequencies`), to see what would be linked, too.
    filled
        What `filled_patterns` gives, where it is at hand.
    nodes
        ``identity_nodes``, where it does not hold all nodes.
    """
    keys = keys or NodeKeys(con)
    one_in = max(1, round(len(keys.nodes) / NODES_SEEN))
    candidates = make_pairs(keys, rules_of(model), one_in=one_in)
    if nodes is not None:
        nodes.need(candidates.left, candidates.right)
    pairs = compare_pairs(con, model.settings, candidates)
    filled = filled_patterns(con, model) if filled is None else filled
    records = sum(count for _, count in filled)
    linked, largest = (
        (None, None) if frequencies is None else _links(model, frequencies, keys, pairs)
    )
    return Seen(
        nodes=len(keys.nodes),
        pairs=len(pairs),
        filled={
            name: nine_digits(sum(n for has, n in filled if has[i]) / max(records, 1))
            for i, name in enumerate(names_of(model.settings))
        },
        levels={
            name: _shares(pairs.levels[:, i], level_count(model.settings["comparisons"][i]))
            for i, name in enumerate(names_of(model.settings))
        },
        linked_pairs_ratio=linked,
        largest_group_ratio=largest,
    )


def _links(
    model: LinkageModel,
    frequencies: dict[str, NDArray[np.float64]],
    keys: NodeKeys,
    pairs: ComparedPairs,
) -> tuple[float, float]:
    """Return the share of pairs that are linked, and of nodes in the largest group they tie."""
    assert model.mixture is not None
    parts = evidence(model.mixture, model.settings, frequencies, pairs, model.calibration)
    linked = np.nansum(parts, axis=1) + log2_odds(model.prior) >= model.threshold
    size = int(keys.nodes.max(initial=-1)) + 1
    label = smallest_of_component(size, pairs.left[linked], pairs.right[linked])
    largest = int(np.bincount(label[keys.nodes]).max(initial=0))
    return (
        nine_digits(float(linked.mean()) if len(linked) else 0.0),
        nine_digits(largest / max(len(keys.nodes), 1)),
    )


def model_fit(
    con: duckdb.DuckDBPyConnection,
    model: LinkageModel,
    keys: NodeKeys | None = None,
    nodes: Nodes | None = None,
) -> dict[str, str]:
    """Return what a model's page shows of it on today's data.

    Reads ``identity_nodes``: after ``link``, on the same connection.

    Parameters
    ----------
    keys
        The keys of those nodes, where they are at hand.
    nodes
        ``identity_nodes``, where it does not hold all nodes.

    Returns
    -------
    dict
        ``identity.match_weights``, ``identity.unlinkable_records`` and ``identity.linkage_drift``;
        without rows where the model holds exact rules only.
    """
    filled = filled_patterns(con, model) if model.mixture is not None else []
    today = None
    if model.mixture is not None:
        today = seen_by(con, model, keys, filled=filled, nodes=nodes)
    tables = {
        "identity.match_weights": _weights(model, today),
        "identity.unlinkable_records": _unlinkable(model, filled),
        "identity.linkage_drift": _drift(model, today),
    }
    selects = {}
    for name, table in tables.items():
        kept = f"identity_fit_{name.split('.')[1]}"
        con.register("identity_fit", table)
        con.execute(f"create or replace temp table {kept} as from identity_fit")
        con.unregister("identity_fit")
        selects[name] = f"select * from {kept}"
    return selects


def drift_of(then: Seen, now: Seen) -> dict[tuple[str, str], float]:
    """Return the population stability index by column and measure, ``filled`` and ``levels``.

    What as many records or pairs drawn twice from one world would show is taken off. Empty where
    there are too few to tell.
    """
    if min(then.nodes, then.pairs, now.nodes, now.pairs) < LEAST_TO_COMPARE:
        return {}
    found = {}
    for name in then.filled:
        one, other = then.filled[name], now.filled[name]
        found[name, "filled"] = _index([1 - one, one], [1 - other, other], then.nodes, now.nodes)
        # How many have no value is the other measure's: here, what pairs with a value agree on.
        before, after = then.levels[name], now.levels[name]
        known = (1 - before[0]) * then.pairs, (1 - after[0]) * now.pairs
        if min(known) >= LEAST_TO_COMPARE:
            at_first, today = ([s / (1 - x[0]) for s in x[1:]] for x in (before, after))
            found[name, "levels"] = _index(at_first, today, *known)
    return found


def status_of(index: float) -> str:
    """Return calm, watch, moved or far."""
    places = zip((WATCH, MOVED, FAR), ("calm", "watch", "moved"), strict=True)
    return next((word for limit, word in places if index <= limit), "far")


def _index(then: list[float], now: list[float], many: float, as_many: float) -> float:
    """Return the population stability index of shares, without what chance would show."""
    floor = 0.5 / min(many, as_many)
    one, other = np.maximum(np.array(then), floor), np.maximum(np.array(now), floor)
    chance = (len(one) - 1) * (1 / many + 1 / as_many)
    index = float(((other - one) * np.log(other / one)).sum()) - chance
    return round(max(index, 0.0), 6)


def _shares(levels: NDArray[np.int8], count: int) -> list[float]:
    """Return the share of pairs at each level, missing first and the same last."""
    counts = np.bincount(levels.astype(np.int64) + 1, minlength=count + 1)
    return [nine_digits(float(n) / max(len(levels), 1)) for n in counts]


def filled_patterns(
    con: duckdb.DuckDBPyConnection, model: LinkageModel
) -> list[tuple[list[bool], int]]:
    """Return which compared columns have a value, and how many records are so."""
    names = names_of(model.settings)
    has = ", ".join(f"{name} is not null as has_{place}" for place, name in enumerate(names))
    found = rows(con, f"select {has}, count(*) from {JOINED} group by all order by all")
    return [(list(pattern), count) for *pattern, count in found]


def _weights(model: LinkageModel, today: Seen | None) -> pa.Table:
    """Return one row per compared column and level."""
    found: list[dict[str, Any]] = []
    for c in model.settings["comparisons"]:
        name = c["output_column_name"]
        labels = [x["label_for_charts"] for x in c["comparison_levels"] if "u_probability" in x]
        m, u = level_shares(c, "m_probability"), level_shares(c, "u_probability")
        for place, label in enumerate(reversed(labels)):
            found.append(
                {
                    "column_name": name,
                    "level_no": place,
                    "level": label,
                    "m_probability": float(m[place]),
                    "u_probability": float(u[place]),
                    "match_weight": _six(np.log2(m[place] / u[place])),
                    "pair_ratio_then": _level(model.trained_on, name, place),
                    "pair_ratio": _level(today, name, place),
                }
            )
    return pa.Table.from_pylist(found, _WEIGHT_COLUMNS)


def _level(seen: Seen | None, name: str, place: int) -> float | None:
    return None if seen is None else _six(seen.levels[name][place + 1])


def _unlinkable(model: LinkageModel, filled: list[tuple[list[bool], int]]) -> pa.Table:
    """Return the share of records that a copy of themselves would not reach a weight with.

    A copy agrees wherever the record has a value; rare values are not taken into account, so it
    is what the filled columns are worth.
    """
    found: list[dict[str, Any]] = []
    if model.mixture is not None:
        # Where a copy would come from is not known.
        same = [
            -1 if c["output_column_name"] in model.mixture.origin else level_count(c) - 1
            for c in model.settings["comparisons"]
        ]
        levels = np.where(np.array([has for has, _ in filled]), same, -1).astype(np.int8)
        nobody = np.zeros(len(levels), dtype=np.int32)
        copies = ComparedPairs(nobody, nobody, levels)
        parts = evidence(model.mixture, model.settings, {}, copies, model.calibration)
        odds = np.nansum(parts, axis=1) + log2_odds(model.prior)
        counts = np.array([count for _, count in filled])
        for weight in sorted({*_WEIGHTS.tolist(), _six(model.threshold)}):
            found.append(
                {
                    "match_weight": weight,
                    "record_ratio": _six(counts[odds < weight].sum() / max(counts.sum(), 1)),
                    "is_threshold": weight == _six(model.threshold),
                }
            )
    return pa.Table.from_pylist(found, _UNLINKABLE_COLUMNS)


def _drift(model: LinkageModel, today: Seen | None) -> pa.Table:
    """Return one row per column and measure: then, now and how far apart."""
    found: list[dict[str, Any]] = []
    then = model.trained_on
    if then is not None and today is not None:
        version = model.version
        for (name, measure), index in drift_of(then, today).items():
            is_filled = measure == "filled"
            found.append(
                {
                    "column_name": name,
                    "measure": measure,
                    "ratio_then": _six(then.filled[name] if is_filled else then.levels[name][-1]),
                    "ratio": _six(today.filled[name] if is_filled else today.levels[name][-1]),
                    "stability_index": index,
                    "status": status_of(index),
                    "model_version": version,
                }
            )
    return pa.Table.from_pylist(found, _DRIFT_COLUMNS)


def _six(value: float) -> float:
    return round(float(value), 6)


_WEIGHT_COLUMNS = pa.schema(
    [
        ("column_name", pa.string()),
        ("level_no", pa.int32()),
        ("level", pa.string()),
        ("m_probability", pa.float64()),
        ("u_probability", pa.float64()),
        ("match_weight", pa.float64()),
        ("pair_ratio_then", pa.float64()),
        ("pair_ratio", pa.float64()),
    ]
)
_UNLINKABLE_COLUMNS = pa.schema(
    [
        ("match_weight", pa.float64()),
        ("record_ratio", pa.float64()),
        ("is_threshold", pa.bool_()),
    ]
)
_DRIFT_COLUMNS = pa.schema(
    [
        ("column_name", pa.string()),
        ("measure", pa.string()),
        ("ratio_then", pa.float64()),
        ("ratio", pa.float64()),
        ("stability_index", pa.float64()),
        ("status", pa.string()),
        ("model_version", pa.string()),
    ]
)
