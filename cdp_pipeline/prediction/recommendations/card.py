"""The model card of recommendations: what was learned from, how well it holds, when not to use it.

Here belongs turning what training found into a plain dict for readers and machines. It holds no
row of a customer and no clock: the same training gives the same card.
"""

from __future__ import annotations

from typing import Any

from cdp_pipeline.prediction.recommendations.model import Rate
from cdp_pipeline.prediction.recommendations.trial import Verdict
from cdp_pipeline.prediction.samples import Cutoff

TITLES = {
    "ranker": "boosted trees over own history, products bought together, similar customers and "
    "best sellers",
    "fallback": "own products by days bought, filled with best sellers (fallback_recommendations)",
    "nothing": "no recommendation at all",
}

NOT_FOR = [
    "saying what a recommendation changes: that needs a control group; p_purchase is the chance "
    "of a purchase with or without it",
    "products nobody has bought yet: they are in no list until somebody has",
    "deciding who may be contacted: that is contact_permissions",
    "another horizon than the one stated",
]


def model_card(
    *,
    exported: str,
    because: str,
    horizon_days: int,
    learned_from: list[tuple[Cutoff, int]],
    judged_on: Cutoff | None,
    verdict: Verdict | None,
    rates: list[Rate],
    as_of_on: str | None,
    refused_count: int,
    seed: int,
) -> dict[str, Any]:
    """Return the card, ready for JSON."""
    # what was judged and then not exported has no figures to show for the lists
    judged = verdict if exported == "ranker" else None
    return {
        "model": "recommendations",
        "predicts": f"which products a customer buys within {horizon_days} days",
        "exported": exported,
        "exported_title": TITLES[exported],
        "exported_because": because,
        "horizon_days": horizon_days,
        "trained_as_of_on": as_of_on,
        "data": [
            {
                "cutoff_on": cutoff.cutoff_on.isoformat(),
                "outcome_until_on": cutoff.label_until_on and cutoff.label_until_on.isoformat(),
                "buyers": buyers,
            }
            for cutoff, buyers in learned_from
        ],
        "judged_cutoff_on": judged_on and judged_on.cutoff_on.isoformat(),
        "judged_buyers": 0 if verdict is None else verdict.buyers,
        "candidates": []
        if verdict is None
        else [
            {
                "candidate": name,
                "title": TITLES[name],
                "is_exported": name == exported,
                **{measure: interval.to_dict() for measure, interval in figures.items()},
            }
            for name, figures in verdict.measures.items()
        ],
        "learned_over_fallback": {}
        if verdict is None
        else {name: gain.to_dict() for name, gain in verdict.gains.items()},
        "reliability": [] if judged is None else judged.reliability,
        "drivers": [] if judged is None else judged.drivers,
        "fallback_rates": [vars(rate) for rate in rates],
        "left_out": {"customers_who_refused_profiling": refused_count},
        "not_for": NOT_FOR,
        "warnings": _warnings(exported, verdict, judged),
        "seed": seed,
    }


def _warnings(exported: str, verdict: Verdict | None, judged: Verdict | None) -> list[str]:
    found = []
    if exported != "nothing" and verdict is None:
        found.append("not judged on a later period: how well these lists hold is not known")
    if judged is not None:
        apart = sum(
            item["customers"] * abs(item["promised"] - item["observed"])
            for item in judged.reliability
        ) / max(sum(item["customers"] for item in judged.reliability), 1)
        if apart > 0.02:
            found.append("promised and observed shares lie more than 2 points apart")
    return found
