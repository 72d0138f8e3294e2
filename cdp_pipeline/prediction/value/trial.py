"""Which forecast of spend deserves to be believed: fitted on the past, judged on later days.

Here belong fitting the candidates to a set of cut-offs, judging them on cut-offs that came later
(rolling origin), and the rule by which one is exported. What a model file holds is in ``model``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.churn.reasons import REASONS
from cdp_pipeline.prediction.metrics import Interval
from cdp_pipeline.prediction.samples import Cutoff, day_number
from cdp_pipeline.prediction.value.buying import Buying
from cdp_pipeline.prediction.value.intervals import PastForecast, ValueSpread
from cdp_pipeline.prediction.value.judge import ValueJudge, by_decile
from cdp_pipeline.prediction.value.learners import (
    COLUMNS,
    TwoParts,
    fit_thirds,
    predict_mean,
    third_of,
    value_design,
)
from cdp_pipeline.prediction.value.level import PeriodError, period_error, sure_factor
from cdp_pipeline.prediction.value.samples import History, ValueSamples, recent_spend
from cdp_pipeline.prediction.value.shape import bent, power_of

BUYING, LEARNED, MEAN = "bgnbd_gamma_gamma", "learned", "mean_of_both"
CANDIDATES = (BUYING, LEARNED, MEAN)
BASELINE = "recent_spend"
MOST_BIAS = 0.10

# Buyers needed. Below these a fit would be confident by chance.
BUYERS_TO_LEARN = 200
BUYERS_TO_FORECAST = 50
BUYERS_TO_JUDGE = 50

# More rows change no digit a reader sees, and cost minutes.
LEARNING_ROWS = 150_000
JUDGING_ROWS = 150_000
DRIVER_ROWS = 4_000


@dataclass(frozen=True)
class Fitted:
    """The candidates, fitted to the same customers and cut-offs.

    Attributes
    ----------
    factor
        On the total of the models of buying, that past periods surely agree on.
    powers
        Of the models of buying and of the learners: see ``shape``.
    members
        The learners, one pair per third left out; empty when there was too little to learn from.
    spreads
        Per candidate: how far past forecasts lay from what came.
    errors
        Of the total by the models of buying, per cut-off.
    """

    factor: float
    powers: tuple[float, float]
    members: list[TwoParts]
    spreads: Mapping[str, ValueSpread]
    errors: list[PeriodError]

    @classmethod
    def to(
        cls,
        past: ValueSamples,
        buyings: Mapping[int, Buying],
        *,
        days: int,
        learn: bool,
        seed: int,
        judged: Mapping[str, list[PastForecast]] | None = None,
    ) -> Fitted:
        """Fit every candidate that the data can carry."""
        past = past.at_most(LEARNING_ROWS)
        parts = past.by_day()
        bought = {day: buyings[day].value(History.of(part.samples), days) for day, part in parts}
        errors = [
            period_error(day, float(bought[day].sum()), float(part.spent.sum()))
            for day, part in parts
        ]
        factor = sure_factor(errors, days)
        members: list[TwoParts] = []
        figures: list[Floats] = []
        if learn:
            matrix = np.concatenate(
                [value_design(part.samples, buyings[day], days) for day, part in parts]
            )
            members, out_of_fold = fit_thirds(matrix, past.spent, third_of(past.samples), seed=seed)
            figures = np.split(out_of_fold, np.cumsum([len(part) for _, part in parts])[:-1])
        powers = (
            power_of([PastForecast(day, bought[day], part.spent) for day, part in parts]),
            power_of(
                [
                    PastForecast(day, figure, part.spent)
                    for (day, part), figure in zip(parts, figures, strict=False)
                ]
            ),
        )
        forecasts: dict[str, list[PastForecast]] = {}
        for position, (day, part) in enumerate(parts):
            figure = figures[position] if learn else None
            for name, value in forecasts_of(bought[day] * factor, figure, powers).items():
                forecasts.setdefault(name, []).append(PastForecast(day, value, part.spent))
        spreads = {
            name: ValueSpread.of(items, days, judged=(judged or {}).get(name, []))
            for name, items in forecasts.items()
        }
        return cls(factor, powers, members, spreads, errors)

    def predict(self, part: ValueSamples, buying: Buying, days: int) -> dict[str, Floats]:
        """Return the forecast of every candidate for the rows of one cut-off."""
        bought = buying.value(History.of(part.samples), days) * self.factor
        figure = None
        if self.members:
            figure = predict_mean(self.members, value_design(part.samples, buying, days))
        return forecasts_of(bought, figure, self.powers)


def forecasts_of(
    bought: Floats, figure: Floats | None, powers: tuple[float, float]
) -> dict[str, Floats]:
    """Return the candidates' forecasts; the learned one shares out the total of the other.

    Parameters
    ----------
    bought
        Forecast of the models of buying.
    figure
        What the learners say; None where nothing was learned.
    powers
        How each is bent.
    """
    by_buying = bent(bought, powers[0])
    if figure is None:
        return {BUYING: by_buying}
    learned = bent(figure, powers[1])
    learned = learned * (bought.sum() / max(float(learned.sum()), 1e-9))
    return {BUYING: by_buying, LEARNED: learned, MEAN: (by_buying + learned) / 2.0}


@dataclass(frozen=True)
class Verdict:
    """What the trial found.

    Attributes
    ----------
    exported
        The candidate to export.
    because
        The finding in a sentence.
    ranks
        Whether it ranks later customers surely better than chance.
    measures
        Per candidate and figure, with intervals.
    gains
        In normalised Gini of the exported candidate over every other, paired.
    deciles
        Promised and observed spend per tenth by the exported candidate.
    coverage
        Groups of customers whose mean spend lay in its interval, and how many were judged.
    forecasts
        Per candidate, of each judged day.
    """

    exported: str
    because: str
    ranks: bool
    measures: Mapping[str, Mapping[str, Interval]]
    gains: Mapping[str, Interval]
    deciles: list[dict[str, float]]
    coverage: tuple[int, int]
    forecasts: Mapping[str, list[PastForecast]]
    drivers: list[dict[str, Any]]
    judged_rows: int


def run_trial(
    samples: ValueSamples, cutoffs: list[Cutoff], buyings: Mapping[int, Buying], *, seed: int
) -> Verdict | None:
    """Judge all candidates on the judging cut-offs; None when there is nothing to judge with.

    Each judged day is forecast by candidates fitted only to cut-offs whose outcome was known by
    that day.
    """
    rounds = [
        (cutoff, past)
        for cutoff in cutoffs
        if cutoff.role == "judge"
        for past in [_known_by(samples, cutoffs, cutoff)]
        if past.buyers >= BUYERS_TO_FORECAST
    ]
    learn = bool(rounds) and all(past.buyers >= BUYERS_TO_LEARN for _, past in rounds)
    judged: list[ValueSamples] = []
    drivers: list[dict[str, Any]] = []
    promised: dict[str, list[PastForecast]] = {}
    covered: dict[str, list[tuple[int, int]]] = {}
    for cutoff, past in rounds:
        day, days = day_number(cutoff.cutoff_on), cutoff.horizon_days
        later = samples.where(samples.samples.cutoff_on == day).at_most(JUDGING_ROWS)
        fitted = Fitted.to(past, buyings, days=days, learn=learn, seed=seed)
        judged.append(later)
        # of the newest judged day, as rounds go from old to new
        drivers = _drivers(fitted, later, buyings[day], days, seed=seed)
        for name, forecast in fitted.predict(later, buyings[day], days).items():
            item = PastForecast(day, forecast, later.spent)
            promised.setdefault(name, []).append(item)
            covered.setdefault(name, []).append(fitted.spreads[name].covered(item))
        plain = PastForecast(day, recent_spend(later.samples), later.spent)
        promised.setdefault(BASELINE, []).append(plain)
    if not judged or sum(part.buyers for part in judged) < BUYERS_TO_FORECAST:
        return None
    return _verdict(judged, promised, covered, drivers, seed=seed)


def _verdict(
    judged: list[ValueSamples],
    promised: Mapping[str, list[PastForecast]],
    covered: Mapping[str, list[tuple[int, int]]],
    drivers: list[dict[str, Any]],
    *,
    seed: int,
) -> Verdict:
    """Compare the candidates' promises with what came, and choose."""
    came = np.concatenate([part.spent for part in judged])
    scores = {
        name: np.concatenate([item.forecast for item in items]) for name, items in promised.items()
    }
    judge = ValueJudge(came, np.concatenate([part.samples.customer for part in judged]), seed=seed)
    measures = {name: judge.measures(score) for name, score in scores.items()}
    buyers = sum(part.buyers for part in judged)
    exported = _best(measures, buyers)
    gains = {
        name: judge.gini_gain(scores[exported], scores[name]) for name in scores if name != exported
    }
    return Verdict(
        exported=exported,
        because=_because(exported, measures, gains, buyers),
        ranks=measures[exported]["normalised_gini"].low > 0,
        measures=measures,
        gains=gains,
        deciles=by_decile(scores[exported], came),
        coverage=(
            sum(inside for inside, _ in covered[exported]),
            sum(groups for _, groups in covered[exported]),
        ),
        forecasts=promised,
        drivers=drivers if exported != BUYING else [],
        judged_rows=len(came),
    )


def _drivers(
    fitted: Fitted, later: ValueSamples, buying: Buying, days: int, *, seed: int
) -> list[dict[str, Any]]:
    """Return how much ranking the learners lose when a group of columns is shuffled."""
    later = later.at_most(DRIVER_ROWS)
    if not fitted.members or later.buyers == 0:
        return []
    matrix = value_design(later.samples, buying, days)
    judge = ValueJudge(later.spent, later.samples.customer, seed=seed)
    whole = predict_mean(fitted.members, matrix)
    order = np.random.default_rng(seed).permutation(len(matrix))
    found = []
    for code, columns in {**REASONS, "models_of_buying": COLUMNS[-2:]}.items():
        places = [COLUMNS.index(name) for name in columns]
        shuffled = matrix.copy()
        shuffled[:, places] = matrix[order][:, places]
        lost = judge.gini_gain(whole, predict_mean(fitted.members, shuffled))
        found.append({"driver": code, "columns": list(columns), "gini_lost": lost.to_dict()})
    return sorted(found, key=lambda item: (-(item["gini_lost"]["value"] or 0.0), item["driver"]))


def _best(measures: Mapping[str, Mapping[str, Interval]], buyers: int) -> str:
    """Return the candidate that ranks best, of those whose total is right where there is one."""
    known = [name for name in CANDIDATES if name in measures]
    if buyers < BUYERS_TO_JUDGE:
        return BUYING
    right = [name for name in known if abs(measures[name]["total_bias"].value) <= MOST_BIAS]
    return max(right or known, key=lambda name: measures[name]["normalised_gini"].value)


def _because(
    exported: str,
    measures: Mapping[str, Mapping[str, Interval]],
    gains: Mapping[str, Interval],
    buyers: int,
) -> str:
    """Return why it is exported, in a sentence."""
    bias = measures[exported]["total_bias"].value
    total = f"its total was off by {bias:+.1%} on the days judged"
    if LEARNED not in measures:
        return (
            f"not enough data for a learned model (it needs {BUYERS_TO_LEARN} buyers to learn "
            f"from), exported {BUYING} instead; {total}"
        )
    if buyers < BUYERS_TO_JUDGE:
        return (
            f"not enough data to judge a learned model ({buyers} buyers, {BUYERS_TO_JUDGE} "
            f"needed), exported {BUYING} instead; {total}"
        )
    said = ", ".join(
        f"{gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}) against {name}"
        for name, gain in gains.items()
    )
    return f"{exported} ranks later customers best: normalised Gini {said}; {total}"


def _known_by(samples: ValueSamples, cutoffs: list[Cutoff], judged: Cutoff) -> ValueSamples:
    """Return the samples whose outcome was known on the judged day."""
    days = [
        day_number(cutoff.cutoff_on)
        for cutoff in cutoffs
        if cutoff.label_until_on is not None and cutoff.label_until_on <= judged.cutoff_on
    ]
    return samples.where(np.isin(samples.samples.cutoff_on, days))
