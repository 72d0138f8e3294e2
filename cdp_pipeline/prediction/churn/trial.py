"""Which score deserves to be believed: candidates fitted on the past, judged on later days.

Here belong fitting all candidates to a set of cut-offs, judging them on cut-offs that came later
(rolling origin), and the rule by which one is exported. What a model file holds, and scoring with
it, is in ``model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.churn.intervals import UNKNOWN_DRIFT, shift
from cdp_pipeline.prediction.churn.learners import (
    Calibrators,
    Members,
    fit_members,
    scores_of,
)
from cdp_pipeline.prediction.churn.reasons import REASONS
from cdp_pipeline.prediction.metrics import Interval, Judge, reliability
from cdp_pipeline.prediction.samples import (
    BASELINES,
    DESIGN_COLUMNS,
    NO_PURCHASE_ODDS,
    Cutoff,
    Population,
    Samples,
    day_number,
    design,
)

CHAMPION = "logistic_and_trees"

# Customers needed of the rarer outcome. Below these a fit would be confident by chance.
CUSTOMERS_TO_LEARN = 200
CUSTOMERS_TO_CALIBRATE = 30
CUSTOMERS_TO_JUDGE = 50

# More rows change no digit a reader sees, and cost minutes.
LEARNING_ROWS = 250_000
JUDGING_ROWS = 150_000
DRIVER_ROWS = 4_000


def rarer_outcome(samples: Samples) -> int:
    """Count the customers who ever churned and who ever bought; return the smaller number."""
    return min(
        len(np.unique(samples.customer[samples.churned == outcome])) for outcome in (0.0, 1.0)
    )


@dataclass(frozen=True)
class Fitted:
    """All candidates, fitted to the same customers and cut-offs.

    Attributes
    ----------
    members
        The learners, one pair per fold left out; empty when there was too little to learn from.
    calibrators
        Per candidate.
    drift_by_day
        Per candidate: how far, in log odds, each cut-off lay from what was promised there.
    """

    members: list[Members]
    calibrators: Mapping[str, Calibrators]
    drift_by_day: Mapping[str, list[float]]

    @classmethod
    def to(
        cls, samples: Samples, populations: Mapping[int, Population], *, learn: bool, seed: int
    ) -> Fitted:
        """Fit every candidate that the data can carry.

        The calibrators see the newest half of the cut-offs only: shops change, and of all there
        is to learn the overall level grows old first.
        """
        samples = samples.at_most(LEARNING_ROWS)
        scores = {
            name: _baseline_scores(name, samples, populations)
            for name in usable_baselines(populations)
        }
        members: list[Members] = []
        if learn:
            matrix = design(samples, populations)
            members, learned = fit_members(matrix, samples.churned, samples.fold, seed=seed)
            scores.update(learned)
        days = np.unique(samples.cutoff_on)
        recent = samples.cutoff_on >= days[(len(days) - 1) // 2]
        calibrators = {
            name: Calibrators.fit(score[recent], samples.churned[recent], samples.fold[recent])
            for name, score in scores.items()
        }
        drift = {
            name: [
                shift(calibrators[name].apply([score[rows]]).mean(axis=1), samples.churned[rows])
                for day in days
                for rows in [samples.cutoff_on == day]
            ]
            for name, score in scores.items()
        }
        return cls(members, calibrators, drift)

    def predict(self, name: str, samples: Samples, populations: Mapping[int, Population]) -> Floats:
        """Return the probability of churn by one candidate, a column per fold left out."""
        if name in BASELINES:
            return self.calibrators[name].apply([_baseline_scores(name, samples, populations)])
        return self.predict_learned(name, design(samples, populations))

    def predict_learned(self, name: str, matrix: Floats) -> Floats:
        """Return the probability of churn by one of the learners, a column per fold left out."""
        return self.calibrators[name].apply(scores_of(self.members, name, matrix))


def usable_baselines(populations: Mapping[int, Population]) -> list[str]:
    """Return the baselines; MBG/NBD only where every cut-off could be fitted."""
    rhythms = all(population.rhythm is not None for population in populations.values())
    return [name for name in BASELINES if name != "mbg_nbd" or rhythms]


@dataclass(frozen=True)
class Verdict:
    """What the trial found.

    Attributes
    ----------
    exported
        The candidate to export.
    baseline
        The best baseline.
    because
        The finding in a sentence.
    measures
        Per candidate and figure, with intervals.
    gains
        Of the champion over each baseline: AUC and Brier score, paired.
    slices
        Figures of the exported score among groups of customers.
    shifts
        How far each judged cut-off lay from the exported promise, in log odds.
    """

    exported: str
    baseline: str
    because: str
    measures: Mapping[str, Mapping[str, Interval]]
    gains: Mapping[str, Mapping[str, Interval]]
    slices: Mapping[str, Mapping[str, Any]]
    shifts: list[float]
    reliability: list[dict[str, float]]
    drivers: list[dict[str, Any]]
    judged_rows: int


def run_trial(
    samples: Samples, cutoffs: list[Cutoff], populations: Mapping[int, Population], *, seed: int
) -> Verdict | None:
    """Judge all candidates on the judging cut-offs; None when there is nothing to judge with.

    Each judged day is predicted by candidates fitted only to cut-offs whose outcome was known by
    that day.
    """
    judged: list[Samples] = []
    promised: dict[str, list[Floats]] = {}
    last: tuple[Fitted, Samples] | None = None
    rounds = [
        (cutoff, past)
        for cutoff in cutoffs
        if cutoff.role == "judge"
        for past in [_known_by(samples, cutoffs, cutoff)]
        if len(past) and rarer_outcome(past) >= CUSTOMERS_TO_CALIBRATE
    ]
    learn = bool(rounds) and all(rarer_outcome(past) >= CUSTOMERS_TO_LEARN for _, past in rounds)
    for cutoff, past in rounds:
        later = samples.on([cutoff.cutoff_on]).at_most(JUDGING_ROWS)
        known = {
            day: populations[day]
            for day in (*np.unique(past.cutoff_on).tolist(), day_number(cutoff.cutoff_on))
        }
        fitted = Fitted.to(past, known, learn=learn, seed=seed)
        judged.append(later)
        last = (fitted, later)
        for name in fitted.calibrators:
            promised.setdefault(name, []).append(fitted.predict(name, later, known).mean(axis=1))
    if last is None or rarer_outcome(_stack(judged)) < CUSTOMERS_TO_CALIBRATE:
        return None
    # A baseline that could not be fitted on every judged day cannot be compared.
    scores = {
        name: np.concatenate(parts) for name, parts in promised.items() if len(parts) == len(judged)
    }
    rows = _stack(judged)
    return _verdict(rows, scores, judged, last, populations, seed=seed)


def _verdict(
    rows: Samples,
    scores: Mapping[str, Floats],
    judged: list[Samples],
    last: tuple[Fitted, Samples],
    populations: Mapping[int, Population],
    *,
    seed: int,
) -> Verdict:
    """Compare the candidates' promises with what came, and choose."""
    judge = Judge(rows.churned, rows.customer, seed=seed)
    measures = {name: judge.measures(score) for name, score in scores.items()}
    baselines = [name for name in BASELINES if name in scores]
    baseline = max(baselines, key=lambda name: measures[name]["auc"].value)
    gains = {
        name: {
            "auc": judge.auc_gain(scores[CHAMPION], scores[name]),
            "brier": judge.brier_gain(scores[CHAMPION], scores[name]),
        }
        for name in baselines
        if CHAMPION in scores
    }
    exported, because = _choose(gains.get(baseline), baseline, rarer_outcome(rows))
    ends = np.cumsum([len(part) for part in judged])
    parts = np.split(scores[exported], ends[:-1])
    fitted, later = last
    return Verdict(
        exported=exported,
        baseline=baseline,
        because=because,
        measures=measures,
        gains=gains,
        slices=_slices(rows, scores[exported], seed=seed),
        shifts=[shift(part, day.churned) for part, day in zip(parts, judged, strict=True)],
        reliability=reliability(rows.churned, scores[exported]),
        drivers=_drivers(fitted, later, populations, seed=seed) if exported == CHAMPION else [],
        judged_rows=len(rows),
    )


def _choose(gain: Mapping[str, Interval] | None, baseline: str, customers: int) -> tuple[str, str]:
    """Return the score to export and the reason in a sentence."""
    if gain is None:
        return baseline, (
            f"not enough data for a learned model (it needs {CUSTOMERS_TO_LEARN} customers of each "
            f"outcome to learn from), exported the calibrated baseline {baseline} instead"
        )
    by = gain["auc"]
    said = f"AUC {by.value:+.4f} ({by.low:+.4f} to {by.high:+.4f}) against {baseline}"
    if customers < CUSTOMERS_TO_JUDGE:
        return baseline, (
            f"not enough data to judge a learned model ({customers} customers of the rarer "
            f"outcome, {CUSTOMERS_TO_JUDGE} needed), "
            f"exported the calibrated baseline {baseline} instead"
        )
    if by.low > 0 and gain["brier"].high > 0:
        return CHAMPION, f"the learned model beats the best baseline: {said}"
    return baseline, (
        f"the learned model does not beat the best baseline: {said}; "
        f"exported the baseline {baseline} instead"
    )


def _slices(rows: Samples, score: Floats, *, seed: int) -> dict[str, dict[str, Any]]:
    """Return figures among groups a marketer would ask about."""
    recency, repeats = rows.values["recency_days"], rows.values["repeat_count"]
    groups = {
        "bought_within_two_horizons": recency <= 2 * rows.horizon_days,
        "silent_for_longer": recency > 2 * rows.horizon_days,
        "one_time_buyers": repeats == 0,
        "repeat_buyers": repeats > 0,
    }
    result: dict[str, dict[str, Any]] = {}
    for name, chosen in groups.items():
        part = rows.where(chosen)
        if len(part) == 0 or rarer_outcome(part) < CUSTOMERS_TO_CALIBRATE:
            continue
        figures = Judge(part.churned, part.customer, seed=seed).measures(score[chosen])
        result[name] = {
            "customers": len(part),
            "churned_share": round(float(part.churned.mean()), 6),
            "auc": figures["auc"].to_dict(),
            "ece": figures["ece"].to_dict(),
        }
    return result


def _drivers(
    fitted: Fitted, later: Samples, populations: Mapping[int, Population], *, seed: int
) -> list[dict[str, Any]]:
    """Return how much AUC is lost when a group of columns is shuffled among the customers."""
    later = later.at_most(DRIVER_ROWS)
    matrix = design(later, populations)
    judge = Judge(later.churned, later.customer, seed=seed)
    whole = fitted.predict_learned(CHAMPION, matrix).mean(axis=1)
    groups = {**REASONS, "mbg_nbd": (NO_PURCHASE_ODDS,)}
    found = []
    for code, columns in groups.items():
        places = [DESIGN_COLUMNS.index(name) for name in columns]
        shuffled = matrix.copy()
        order = np.random.default_rng(seed).permutation(len(matrix))
        shuffled[:, places] = matrix[order][:, places]
        loss = judge.auc_gain(whole, fitted.predict_learned(CHAMPION, shuffled).mean(axis=1))
        found.append({"driver": code, "columns": list(columns), "auc_lost": loss.to_dict()})
    return sorted(found, key=lambda item: (-(item["auc_lost"]["value"] or 0.0), item["driver"]))


def drift_of(verdict: Verdict | None, fitted: Fitted, name: str) -> float:
    """Return the usual distance between promise and outcome of a whole period, in log odds."""
    shifts = [*fitted.drift_by_day[name], *([] if verdict is None else verdict.shifts)]
    if len(shifts) < 2:
        return UNKNOWN_DRIFT
    return round(float(np.sqrt(np.mean(np.square(shifts)))), 6)


def _known_by(samples: Samples, cutoffs: list[Cutoff], judged: Cutoff) -> Samples:
    """Return the samples whose outcome was known on the judged day."""
    return samples.on(
        [
            cutoff.cutoff_on
            for cutoff in cutoffs
            if cutoff.label_until_on is not None and cutoff.label_until_on <= judged.cutoff_on
        ]
    )


def _baseline_scores(name: str, samples: Samples, populations: Mapping[int, Population]) -> Floats:
    scores = np.empty(len(samples))
    for day in np.unique(samples.cutoff_on).tolist():
        rows = samples.cutoff_on == day
        scores[rows] = populations[day].baseline(name, samples.where(rows))
    return scores


def _stack(parts: list[Samples]) -> Samples:
    """Put the rows of several samples below each other."""
    return Samples(
        np.concatenate([part.cutoff_on for part in parts]),
        np.concatenate([part.customer for part in parts]),
        np.concatenate([part.fold for part in parts]),
        np.concatenate([part.draw for part in parts]),
        {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values},
        np.concatenate([part.churned for part in parts]),
        np.concatenate([part.horizon_days for part in parts]),
    )
