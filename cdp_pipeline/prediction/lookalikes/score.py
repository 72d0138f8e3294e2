"""Today's customers by likeness: the audiences' tables."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.lookalikes.behaviour import (
    MEASURES,
    RECENT_DAYS,
    Behaviour,
    behaviour_on,
)
from cdp_pipeline.prediction.lookalikes.declared import Audiences
from cdp_pipeline.prediction.lookalikes.likeness import Likeness
from cdp_pipeline.prediction.lookalikes.model import LookalikeModel, Trained
from cdp_pipeline.prediction.lookalikes.seeds import TABLE, find_seeds, is_seed
from cdp_pipeline.prediction.threads import one_numeric_thread
from cdp_pipeline.warehouse.engine import literal

if TYPE_CHECKING:
    import duckdb

_SPEND = MEASURES.index("spend")
_WORDS = {
    "orders": "number of orders",
    "spend": "what they spent",
    "recency_days": "how lately they bought",
    "tenure_days": "how long they have been customers",
    "order_amount": "size of their orders",
    "discount_ratio": "how much they buy on discount",
    "return_ratio": "how much they return",
    "categories": "breadth of what they buy",
    "recent_orders": f"orders in the last {RECENT_DAYS} days",
}
_SCHEMA = pa.schema(
    [
        ("audience", pa.string()),
        ("customer_id", pa.string()),
        ("similarity", pa.float64()),
        ("rank", pa.int64()),
        ("reason", pa.string()),
    ]
)
_CURVE_SCHEMA = pa.schema(
    [
        ("audience", pa.string()),
        ("share", pa.float64()),
        ("customer_count", pa.int64()),
        ("similarity_at_least", pa.float64()),
        ("lift", pa.float64()),
        ("lift_low", pa.float64()),
        ("lift_high", pa.float64()),
        ("baseline_lift", pa.float64()),
        ("found_share", pa.float64()),
        ("expected_rate", pa.float64()),
    ]
)


def lookalikes(
    con: duckdb.DuckDBPyConnection, model: LookalikeModel, plan: Audiences, today: date
) -> dict[str, str]:
    """Score today's customers and tell how well each audience works.

    Returns
    -------
    dict
        ``prediction.lookalikes``, ``prediction.lookalike_curves`` and
        ``prediction.audience_seeds``.
    """
    find_seeds(con, plan, today)
    exported = {name: part for name, part in model.audiences.items() if part.likeness is not None}
    categories = sorted({c for part in exported.values() for c in _likeness(part).categories})
    parts: list[pa.Table] = []
    curves: list[dict[str, Any]] = []
    if exported:
        with one_numeric_thread():
            everyone = behaviour_on(con, today, categories)
            for name, part in exported.items():
                scored, curve = _audience_today(con, name, part, everyone, categories, plan, today)
                parts.append(scored)
                curves += curve
    con.register("lookalike_rows", pa.concat_tables([_SCHEMA.empty_table(), *parts]))
    con.register("lookalike_curve_rows", pa.Table.from_pylist(curves, _CURVE_SCHEMA))
    day, version = f"date {literal(str(today))}", literal(model.version)
    return {
        "prediction.lookalikes": (
            f"select audience, customer_id, {day} as as_of_on, rank, similarity, reason, "
            f"{version} as model_version from lookalike_rows"
        ),
        "prediction.lookalike_curves": (
            f"select *, {model.horizon_days} as horizon_days, {version} as model_version "
            "from lookalike_curve_rows"
        ),
        "prediction.audience_seeds": f"select audience, customer_id, since_on from {TABLE}",
    }


def _audience_today(
    con: duckdb.DuckDBPyConnection,
    name: str,
    part: Trained,
    everyone: Behaviour,
    categories: list[str],
    plan: Audiences,
    today: date,
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Return the most alike of today's candidates, and the curve of size against similarity."""
    is_candidate = ~is_seed(con, name, everyone, today)
    own = [categories.index(category) for category in _likeness(part).categories]
    behaviour = Behaviour(
        everyone.customer_id[is_candidate],
        everyone.measures[is_candidate],
        everyone.interests[is_candidate][:, own],
        everyone.is_sampled[is_candidate],
    )
    similarity, reason = _similarity(part, behaviour)
    similarity = np.round(similarity, 6)
    # customers stand in the order of their ids, and equals stay in it
    order = np.argsort(-similarity, kind="stable")
    kept = order[: int(np.ceil(len(order) * plan.largest_share))]
    scored = pa.table(
        {
            "audience": [name] * len(kept),
            "customer_id": behaviour.customer_id[kept].tolist(),
            "similarity": similarity[kept],
            "rank": np.arange(1, len(kept) + 1),
            "reason": reason[kept],
        },
        schema=_SCHEMA,
    )
    curve = [
        {
            "audience": name,
            "share": row["share"],
            "customer_count": size,
            "similarity_at_least": float(similarity[order[size - 1]]),
            "lift": row["lift"],
            "lift_low": row["lift_low"],
            "lift_high": row["lift_high"],
            "baseline_lift": row["baseline_lift"],
            "found_share": row["found_share"],
            "expected_rate": row["rate"],
        }
        for row in (part.verdict or {"curve": []})["curve"]
        if (size := int(np.ceil(len(order) * row["share"])))
    ]
    return scored, curve


def _similarity(part: Trained, behaviour: Behaviour) -> tuple[Floats, NDArray[np.str_]]:
    """Return similarity and, in words, what speaks most for each customer."""
    if part.status == "spend":
        spend = behaviour.measures[:, _SPEND]
        values, counts = np.unique(spend, return_counts=True)
        share: Floats = (np.cumsum(counts) / max(len(spend), 1))[np.searchsorted(values, spend)]
        return share, np.full(len(spend), "what they spent")
    likeness = _likeness(part)
    names = [_WORDS.get(name, f"interest in {name}") for name in likeness.columns]
    matrix = likeness.matrix(behaviour)
    best, is_for = likeness.reasons(matrix)
    words = np.array([*names, "nothing in particular"])[np.where(is_for, best, len(names))]
    return likeness.of_matrix(matrix), words


def _likeness(part: Trained) -> Likeness:
    assert part.likeness is not None
    return part.likeness
