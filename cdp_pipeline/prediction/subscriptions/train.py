"""Training the model of subscriptions that end: fitted on the past, judged on the newest past day.

Here belongs choosing what deserves to be exported: the learned score where it beats the rates by
plan and tenure, else the rates, else nothing and the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.prediction.churn.intervals import UNKNOWN_DRIFT, shift
from cdp_pipeline.prediction.metrics import Interval, Judge, reliability
from cdp_pipeline.prediction.subscriptions.model import (
    LEARNED,
    NOTHING,
    RATES,
    SubscriptionModel,
    fit_lines,
    fit_rates,
)
from cdp_pipeline.prediction.subscriptions.samples import Periods, known_plans, read_periods
from cdp_pipeline.prediction.threads import one_numeric_thread

if TYPE_CHECKING:
    import duckdb

HORIZON_DAYS = 90
# Subscriptions needed of the rarer outcome.
TO_COUNT, TO_LEARN, TO_JUDGE = 30, 100, 20

NOT_FOR = [
    "purchases that stay out: that is churn_predictions",
    "subscriptions of a new plan: their rate is everybody's until enough of them ended",
    "deciding about one person without a human: it is a share among subscriptions like this one",
    "saying what an offer changes: that needs a control group",
]


def train_subscriptions(con: duckdb.DuckDBPyConnection, *, seed: int) -> SubscriptionModel:
    """Train on past days, judge on the newest of them, and keep what deserves to be exported.

    Reads ``prediction.subscription_periods``.
    """
    with one_numeric_thread():
        periods = read_periods(con, ["train", "judge"], seed=seed)
        plans = known_plans(periods) if len(periods) else []
        if periods.rarer_outcome() < TO_COUNT:
            because = (
                f"not enough data for subscriptions: {periods.rarer_outcome()} of the rarer "
                f"outcome (ended or went on), {TO_COUNT} needed; exported no score instead"
            )
            empty = SubscriptionModel(NOTHING, HORIZON_DAYS, plans, [], [], UNKNOWN_DRIFT, {})
            return _with_card(empty, because, periods, {}, None, seed)
        method, because, figures, gain = _trial(periods, seed)
        lines = fit_lines(periods, plans, HORIZON_DAYS) if method == LEARNED else []
        rates = fit_rates(periods, plans)
        model = SubscriptionModel(method, HORIZON_DAYS, plans, rates, lines, 0.0, {})
        by_fold = model.by_lines(periods) if lines else model.by_rates(periods)
        drift = _drift(periods, by_fold.mean(axis=1))
        model = SubscriptionModel(method, HORIZON_DAYS, plans, rates, lines, drift, {})
        return _with_card(model, because, periods, figures, gain, seed)


def _trial(
    periods: Periods, seed: int
) -> tuple[str, str, dict[str, dict[str, Interval]], Interval | None]:
    """Fit both to the older days and judge them on the newest."""
    newest = periods.day == periods.day.max()
    past, later = periods.where(~newest), periods.where(newest)
    if past.rarer_outcome() < TO_LEARN or later.rarer_outcome() < TO_JUDGE:
        return (
            RATES,
            f"not enough data for a learned score ({past.rarer_outcome()} subscriptions of the "
            f"rarer outcome to learn from, {TO_LEARN} needed; {later.rarer_outcome()} to judge on, "
            f"{TO_JUDGE} needed), exported the rates by plan and tenure instead",
            {},
            None,
        )
    plans = known_plans(past)
    model = SubscriptionModel(
        LEARNED,
        HORIZON_DAYS,
        plans,
        fit_rates(past, plans),
        fit_lines(past, plans, HORIZON_DAYS),
        0.0,
        {},
    )
    scores = {
        LEARNED: model.by_lines(later).mean(axis=1),
        RATES: model.by_rates(later).mean(axis=1),
    }
    judge = Judge(later.ended, later.number, seed=seed)
    figures = {name: judge.measures(score) for name, score in scores.items()}
    gain = judge.brier_gain(scores[LEARNED], scores[RATES])
    said = f"Brier score {-gain.value:+.4f} ({-gain.high:+.4f} to {-gain.low:+.4f})"
    if gain.low > 0:
        return (
            LEARNED,
            f"the learned score beats the rates by plan and tenure: {said}",
            figures,
            gain,
        )
    return (
        RATES,
        f"the learned score does not surely beat the rates by plan and tenure: {said}; exported "
        "the rates instead",
        figures,
        gain,
    )


def _drift(periods: Periods, score: Any) -> float:
    """Return the usual distance between promise and outcome of a whole period, in log odds."""
    shifts = [
        shift(score[here], periods.ended[here])
        for day in np.unique(periods.day)
        for here in [periods.day == day]
    ]
    if len(shifts) < 2:
        return UNKNOWN_DRIFT
    return round(float(np.sqrt(np.mean(np.square(shifts)))), 6)


def _with_card(
    model: SubscriptionModel,
    because: str,
    periods: Periods,
    figures: dict[str, dict[str, Interval]],
    gain: Interval | None,
    seed: int,
) -> SubscriptionModel:
    by_fold = None if model.method == NOTHING else model.predict(periods)
    card = {
        "model": "subscription_churn",
        "predicts": f"the end of a subscription within {model.horizon_days} days",
        "exported": model.method,
        "exported_because": because,
        "horizon_days": model.horizon_days,
        "data": [
            {
                "cutoff_on": str(np.datetime64(int(day), "D")),
                "subscriptions": int(here.sum()),
                "ended_share": round(float(periods.ended[here].mean()), 6),
            }
            for day in np.unique(periods.day)
            for here in [periods.day == day]
        ],
        "candidates": [
            {"candidate": name, **{key: item.to_dict() for key, item in found.items()}}
            for name, found in figures.items()
        ],
        "learned_over_rates": None if gain is None else {"brier": gain.to_dict()},
        "reliability_on_days_learned_from": []
        if by_fold is None
        else reliability(periods.ended, by_fold[0]),
        "interval": {"level": 0.95, "drift_log_odds": model.drift},
        "not_for": NOT_FOR,
        "seed": seed,
    }
    return SubscriptionModel(**{**vars(model), "card": card})
