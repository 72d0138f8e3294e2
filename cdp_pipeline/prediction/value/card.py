"""The model card of customer value: what it was made of, how well it holds, when not to use it.

Here belongs turning what training found into a plain dict for readers and machines. It holds no
row of a customer and no clock: the same training gives the same card.
"""

from __future__ import annotations

import math
from typing import Any

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.samples import Cutoff, day_number
from cdp_pipeline.prediction.value.judge import concentration
from cdp_pipeline.prediction.value.level import PeriodError
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.samples import ValueSamples
from cdp_pipeline.prediction.value.trial import BASELINE, BUYING, LEARNED, MEAN, MOST_BIAS, Verdict

TITLES = {
    BUYING: "purchases by BG/NBD times spend per purchase by Gamma-Gamma",
    LEARNED: "boosted trees of who buys and how much, at the total of BG/NBD x Gamma-Gamma",
    MEAN: "mean of BG/NBD x Gamma-Gamma and the boosted trees",
    BASELINE: "the customer's last 365 days of spend, in proportion",
    "average": "the average of all customers, the same for everybody",
    "none": "no value at all",
}

NOT_FOR = [
    "telling what one customer will spend: it is the mean over customers like this one",
    "adding up to a budget without the interval: seasons and campaigns to come are not in it",
    "subscriptions: what is billed under a contract is not a purchase",
    "saying what an offer changes: that needs a control group",
    "lifetimes: it covers the horizon stated and, where the history allows, 365 days",
]


def value_card(
    *,
    model: ValueModel,
    because: str,
    cutoffs: list[Cutoff],
    samples: ValueSamples,
    verdict: Verdict | None,
    errors: list[PeriodError],
    forecast: Floats | None,
    seed: int,
) -> dict[str, Any]:
    """Return the card of a model of value, ready for JSON."""
    # what was judged and then not exported has no figures to show for the values
    judged = verdict if verdict is not None and model.method in verdict.measures else None
    return {
        "model": "customer_value",
        "predicts": f"spend, returns taken off, within {model.horizon_days} days after the day "
        "scored",
        "exported": model.method,
        "exported_title": TITLES[model.method],
        "exported_because": because,
        "horizon_days": model.horizon_days,
        "year": _year(model),
        "trained_as_of_on": cutoffs[-1].as_of_on.isoformat() if cutoffs else None,
        "data": [_cutoff(cutoff, samples) for cutoff in cutoffs],
        "judged_rows": 0 if verdict is None else verdict.judged_rows,
        "candidates": _candidates(verdict, model.method),
        "exported_over_others": {}
        if judged is None
        else {name: gain.to_dict() for name, gain in judged.gains.items()},
        "deciles": [] if judged is None else judged.deciles,
        "concentration": {}
        if forecast is None or model.average is not None
        else {"promised_share_of_top_tenth": concentration(forecast)},
        "parameters": _parameters(model),
        "total": {
            "factor": model.factor,
            "powers": list(model.powers),
            "meaning": "the factor is on the forecast of BG/NBD x Gamma-Gamma, 1 when past periods "
            "agree on none; the powers bend that forecast and the learned one, totals unchanged",
            "past_errors": [round(math.exp(-error.log_ratio) - 1.0, 6) for error in errors],
        },
        "interval": {
            "level": 0.95,
            "meaning": "how well the mean spend of customers like this one is known: how far past "
            "forecasts of each group of customers lay from what the group spent",
            "half_widths_log": None if model.spread is None else model.spread.halves,
            "groups_judged": None if judged is None else judged.coverage[1],
            "groups_covered": None if judged is None else judged.coverage[0],
        },
        "drivers": [] if judged is None else judged.drivers,
        "not_for": NOT_FOR,
        "warnings": _warnings(model, judged),
        "seed": seed,
    }


def _cutoff(cutoff: Cutoff, samples: ValueSamples) -> dict[str, Any]:
    here = samples.samples.cutoff_on == day_number(cutoff.cutoff_on)
    spent = samples.spent[here]
    has_outcome = cutoff.label_until_on is not None and len(spent) > 0
    return {
        "cutoff_on": cutoff.cutoff_on.isoformat(),
        "role": cutoff.role,
        "outcome_until_on": cutoff.label_until_on and cutoff.label_until_on.isoformat(),
        "customers": len(spent) if has_outcome else None,
        "buyers": int((spent > 0).sum()) if has_outcome else None,
        "mean_spend": round(float(spent.mean()), 4) if has_outcome else None,
    }


def _candidates(verdict: Verdict | None, exported: str) -> list[dict[str, Any]]:
    if verdict is None:
        return []
    return [
        {
            "candidate": name,
            "title": TITLES[name],
            "kind": "baseline" if name == BASELINE else "model",
            "is_exported": name == exported,
            **{figure: interval.to_dict() for figure, interval in figures.items()},
        }
        for name, figures in verdict.measures.items()
    ]


def _parameters(model: ValueModel) -> dict[str, Any]:
    if model.buying is None:
        return {"status": model.parameter_status}
    return {"status": model.parameter_status, **model.buying.to_dict()}


def _year(model: ValueModel) -> dict[str, Any]:
    if model.year_factor is None:
        return {
            "is_exported": False,
            "because": "not enough data for 365 days: it needs 455 days of orders and a forecast "
            "of buying, exported the horizon alone instead",
        }
    return {
        "is_exported": True,
        "factor": model.year_factor,
        "half_widths_log": None if model.year_spread is None else model.year_spread.halves,
    }


def _warnings(model: ValueModel, judged: Verdict | None) -> list[str]:
    """Return what a reader must know before using the amounts."""
    found = []
    if model.method != "none" and judged is None:
        found.append("not judged on a later period: how well these amounts hold is not known")
    if judged is not None:
        bias = judged.measures[model.method]["total_bias"]
        if abs(bias.value) > MOST_BIAS:
            found.append(
                f"the total was off by {bias.value:+.1%} on the days judged: use the ranking, and "
                "the amounts with their interval only"
            )
    if model.parameter_status == "boundary":
        found.append(
            "a parameter of BG/NBD or Gamma-Gamma ran to the edge of what is searched: single "
            "parameters mean nothing, the forecast is judged like any other"
        )
    return found
