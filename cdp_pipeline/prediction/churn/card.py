"""The model card of churn: what it was made of, how well it holds, when not to use it.

Here belongs turning what training found into a plain dict for readers and machines. It holds no
row of a customer and no clock: the same training gives the same card.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp_pipeline.prediction.churn.learners import LEARNED
from cdp_pipeline.prediction.churn.trial import CHAMPION, Verdict
from cdp_pipeline.prediction.metrics import Interval
from cdp_pipeline.prediction.samples import BASELINES, Cutoff, Population, Samples, day_number

TITLES = {
    CHAMPION: "mean of logistic regression and boosted trees, MBG/NBD among their columns",
    "logistic": "logistic regression alone",
    "trees": "boosted trees alone",
    "recency": "days since the last purchase, calibrated",
    "rfm_sum": "sum of the five-step scores of recency, frequency and spend, calibrated",
    "mbg_nbd": "MBG/NBD probability of no purchase in the horizon, calibrated",
    "base_rate": "the share of all customers that churned, the same for everybody",
    "nothing": "no probability at all",
}

NOT_FOR = [
    "subscriptions: somebody who can cancel has another kind of churn",
    "deciding about one person without a human: it is a share among customers like this one",
    "reading reasons as causes: they go along with the risk, changing them may not help",
    "saying what an offer changes: that needs a control group, not a churn score",
    "another horizon than the one stated",
]


def model_card(
    *,
    exported: str,
    because: str,
    baseline: str | None,
    cutoffs: list[Cutoff],
    samples: Samples | None,
    population: Population | None,
    verdict: Verdict | None,
    drift: float | None,
    fidelity: float | None,
    seed: int,
) -> dict[str, Any]:
    """Return the card of a churn model, ready for JSON."""
    horizon = cutoffs[-1].horizon_days if cutoffs else None
    # what was judged and then not exported has no figures to show for the scores
    judged = verdict if verdict is not None and exported in verdict.measures else None
    return {
        "model": "churn",
        "predicts": f"no purchase within {horizon} days after the day scored",
        "exported": exported,
        "exported_title": TITLES[exported],
        "exported_because": because,
        "best_baseline": baseline,
        "horizon_days": horizon,
        "trained_as_of_on": cutoffs[-1].as_of_on.isoformat() if cutoffs else None,
        "data": [_cutoff(cutoff, samples) for cutoff in cutoffs],
        "judged_rows": 0 if verdict is None else verdict.judged_rows,
        "candidates": _candidates(verdict, exported),
        "learned_over_baseline": _gains(verdict),
        "slices": {} if judged is None else dict(judged.slices),
        "reliability": [] if judged is None else judged.reliability,
        "drivers": _drivers(exported, judged),
        "interval": {
            "level": 0.95,
            "drift_log_odds": drift,
            "meaning": "how well the probability is known: what leaving out a fifth of the "
            "customers changes, and how far past periods lay from what was promised",
        },
        "rhythm": None if population is None else population.to_dict()["rhythm"],
        "reasons_explain_share": fidelity,
        "not_for": NOT_FOR,
        "warnings": _warnings(exported, population, verdict, fidelity),
        "seed": seed,
    }


def _cutoff(cutoff: Cutoff, samples: Samples | None) -> dict[str, Any]:
    rows = 0
    churned = None
    if samples is not None and cutoff.label_until_on is not None:
        here = samples.churned[samples.cutoff_on == day_number(cutoff.cutoff_on)]
        rows = len(here)
        churned = round(float(here.mean()), 6) if rows else None
    return {
        "cutoff_on": cutoff.cutoff_on.isoformat(),
        "role": cutoff.role,
        "outcome_until_on": cutoff.label_until_on and cutoff.label_until_on.isoformat(),
        "customers": rows if cutoff.label_until_on else None,
        "churned_share": churned,
    }


def _candidates(verdict: Verdict | None, exported: str) -> list[dict[str, Any]]:
    if verdict is None:
        return []
    return [
        {
            "candidate": name,
            "title": TITLES[name],
            "kind": "learned" if name in LEARNED else "baseline",
            "is_exported": name == exported,
            **_figures(figures),
        }
        for name, figures in verdict.measures.items()
    ]


def _gains(verdict: Verdict | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    return {name: _figures(gain) for name, gain in verdict.gains.items()}


def _drivers(exported: str, judged: Verdict | None) -> list[dict[str, Any]]:
    """Return what the learned score loses without a group of columns, or what a baseline reads."""
    if exported in BASELINES:
        return [{"driver": exported, "columns": list(BASELINES[exported])}]
    return [] if judged is None else judged.drivers


def _figures(figures: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {name: interval.to_dict() for name, interval in figures.items()}


def _warnings(
    exported: str,
    population: Population | None,
    verdict: Verdict | None,
    fidelity: float | None,
) -> list[str]:
    """Return what a reader must know before using the scores."""
    found = []
    if verdict is None:
        found.append("not judged on a later period: how well these scores hold is not known")
    elif exported in verdict.measures and verdict.measures[exported]["ece"].low > 0.05:
        found.append("promises and outcomes lie more than 5 points apart: use the ranking only")
    if population is not None and population.rhythm_note:
        found.append(population.rhythm_note)
    if fidelity is not None and fidelity < 0.5:
        found.append("the reasons explain less than half of the score")
    return found
