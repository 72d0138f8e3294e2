"""Training churn on past cut-offs, and when a stored model is of no use today.

Here belongs choosing what deserves to be exported. How candidates are judged is in ``trial``, what
learns in ``learners``, what the tables look like as arrays in ``samples``.

When the past cannot carry the best, less is exported, never a confident guess: the learned model,
else the best baseline, else the share of all customers that churned, else no score and the reason.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.prediction.bgnbd import significant
from cdp_pipeline.prediction.churn.card import model_card
from cdp_pipeline.prediction.churn.intervals import UNKNOWN_DRIFT, Z_95, shift
from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.reasons import Explainer
from cdp_pipeline.prediction.churn.trial import (
    CHAMPION,
    CUSTOMERS_TO_CALIBRATE,
    CUSTOMERS_TO_LEARN,
    Fitted,
    Verdict,
    drift_of,
    rarer_outcome,
    run_trial,
)
from cdp_pipeline.prediction.drift import Reference
from cdp_pipeline.prediction.samples import (
    POPULATION_ROWS,
    Cutoff,
    Population,
    Samples,
    read_cutoffs,
    read_samples,
)
from cdp_pipeline.prediction.threads import one_numeric_thread

if TYPE_CHECKING:
    import duckdb

CHANCE = 0.5


# Fewer customers of the rarer outcome than this, and not even the share of all is worth telling:
# where nobody ever came back, one who does would be news, not one in a thousand.
CUSTOMERS_FOR_A_SHARE = 5


def train_churn(con: duckdb.DuckDBPyConnection, *, seed: int) -> ChurnModel:
    """Train on past cut-offs, judge on later ones, and keep what deserves to be exported.

    Reads ``prediction.churn_cutoffs`` and ``prediction.churn_features``.

    Parameters
    ----------
    seed
        Of folds, trees and resampling: the same seed and tables give the same model, bit for bit.
    """
    cutoffs = read_cutoffs(con)
    past = [cutoff for cutoff in cutoffs if cutoff.label_until_on is not None]
    with one_numeric_thread():
        samples = read_samples(con, [cutoff.cutoff_on for cutoff in past], seed=seed)
        today = read_samples(con, [cutoff.cutoff_on for cutoff in cutoffs[-1:]], seed=seed)
        today = today.at_most(POPULATION_ROWS)
        if len(today) == 0 or len(samples) == 0 or rarer_outcome(samples) < CUSTOMERS_TO_CALIBRATE:
            return _train_without_scores(cutoffs, samples, today, seed)
        return _train(cutoffs, samples, today, seed)


def _train(cutoffs: list[Cutoff], samples: Samples, today: Samples, seed: int) -> ChurnModel:
    """Judge the candidates, then fit the chosen ones to all cut-offs with an outcome."""
    days = np.unique(samples.cutoff_on).tolist()
    populations = {day: Population.of(samples.where(samples.cutoff_on == day)) for day in days}
    population = Population.of(today)
    verdict = run_trial(samples, cutoffs, populations, seed=seed)
    if verdict is None:
        exported = baseline = "recency" if population.rhythm is None else "mbg_nbd"
        because = (
            "not enough data to judge a churn score on a later period, "
            f"exported the calibrated baseline {baseline} instead, without tenths of risk"
        )
    else:
        exported, baseline, because = verdict.exported, verdict.baseline, verdict.because
        if verdict.measures[exported]["auc"].low <= CHANCE:
            because = (
                f"no score ranked later customers surely better than chance (AUC of {exported} "
                f"from {verdict.measures[exported]['auc'].low:.4f}), exported the share of all "
                "customers that churned instead"
            )
            return _without_scores(because, cutoffs, samples, today, seed, verdict=verdict)
    learn = exported == CHAMPION and rarer_outcome(samples) >= CUSTOMERS_TO_LEARN
    fitted = Fitted.to(samples, populations, learn=learn, seed=seed)
    if baseline not in fitted.calibrators or population.rhythm is None:
        # the rhythm could not be fitted on every cut-off: fall back to what always can
        baseline = "recency"
        exported = exported if exported == CHAMPION else baseline
    kept = [exported, *([] if baseline == exported else [baseline])]
    model = ChurnModel(
        exported=exported,
        baseline=baseline,
        horizon_days=cutoffs[-1].horizon_days,
        population=population,
        members=fitted.members,
        calibrators={name: fitted.calibrators[name] for name in kept},
        drift={name: drift_of(verdict, fitted, name) for name in kept},
        explainer=None,
        base_rate=None,
        reference=Reference.of(today, None),
        card={},
    )
    return _finish(model, because, cutoffs, samples, today, verdict, seed)


def _finish(
    model: ChurnModel,
    because: str,
    cutoffs: list[Cutoff],
    samples: Samples,
    today: Samples,
    verdict: Verdict | None,
    seed: int,
) -> ChurnModel:
    """Add what explains the scores, and the card."""
    scored = model.predict(today)
    assert scored is not None
    chance = scored[0]
    explainer = Explainer.fit(model.matrix(today), np.log(chance) - np.log1p(-chance))
    card = model_card(
        exported=model.exported,
        because=because,
        baseline=model.baseline,
        cutoffs=cutoffs,
        samples=samples,
        population=model.population,
        verdict=verdict,
        drift=model.drift[model.exported],
        fidelity=explainer.fidelity,
        seed=seed,
    )
    reference = Reference.of(today, chance)
    return ChurnModel(
        **{**vars(model), "explainer": explainer, "reference": reference, "card": card}
    )


def _train_without_scores(
    cutoffs: list[Cutoff], samples: Samples, today: Samples, seed: int
) -> ChurnModel:
    """Return a model for a past too thin to calibrate a score."""
    if _base_rate(samples) is None or len(today) == 0:
        because = (
            f"not enough data for churn: {CUSTOMERS_FOR_A_SHARE} customers are needed of those who "
            "came back and of those who did not, exported no score instead"
        )
    else:
        because = (
            f"not enough data for a churn score: {rarer_outcome(samples)} customers of the rarer "
            f"outcome, {CUSTOMERS_TO_CALIBRATE} needed; exported the share of all customers that "
            "churned instead, with the interval its few customers allow"
        )
    return _without_scores(because, cutoffs, samples, today, seed)


def _without_scores(
    because: str,
    cutoffs: list[Cutoff],
    samples: Samples,
    today: Samples,
    seed: int,
    *,
    verdict: Verdict | None = None,
) -> ChurnModel:
    """Return a model that knows the share of churners at best."""
    rate = _base_rate(samples) if len(today) else None
    population = Population.of(today) if len(today) else None
    exported = "nothing" if rate is None else "base_rate"
    card = model_card(
        exported=exported,
        because=because,
        baseline=None if verdict is None else verdict.baseline,
        cutoffs=cutoffs,
        samples=samples,
        population=population,
        verdict=verdict,
        drift=None,
        fidelity=None,
        seed=seed,
    )
    horizon = cutoffs[-1].horizon_days if cutoffs else 0
    reference = Reference.of(today, None)
    return ChurnModel(exported, None, horizon, population, [], {}, {}, None, rate, reference, card)


def _base_rate(samples: Samples) -> tuple[float, float, float] | None:
    """Return the churned share of the newest past cut-off and its 95 % interval.

    None when one of the two outcomes has hardly been seen.
    """
    from scipy.special import betaincinv

    if len(samples) == 0 or rarer_outcome(samples) < CUSTOMERS_FOR_A_SHARE:
        return None
    days = np.unique(samples.cutoff_on)
    newest = samples.churned[samples.cutoff_on == days[-1]]
    churned = float(newest.sum())
    bought = len(newest) - churned
    share = (churned + 0.5) / (len(newest) + 1.0)
    low, high = betaincinv(churned + 0.5, bought + 0.5, [0.025, 0.975])
    # how far earlier periods lay from it widens what so many customers would allow
    level = np.full(len(newest), share)
    shifts = [shift(level, samples.churned[samples.cutoff_on == day]) for day in days[:-1]]
    drift = float(np.sqrt(np.mean(np.square(shifts)))) if shifts else UNKNOWN_DRIFT
    middle, below, above = (math.log(p / (1.0 - p)) for p in (share, float(low), float(high)))
    low = middle - math.hypot(middle - below, Z_95 * drift)
    high = middle + math.hypot(above - middle, Z_95 * drift)
    return (
        significant(share, 9),
        significant(1.0 / (1.0 + math.exp(-low)), 9),
        significant(1.0 / (1.0 + math.exp(-high)), 9),
    )


def needs_training(con: duckdb.DuckDBPyConnection, model: ChurnModel) -> str | None:
    """Return why a stored model cannot score today, None when it can.

    Reads ``prediction.churn_cutoffs``. The horizon follows the customers' rhythm; when it moves to
    another period, the stored model answers a question nobody asks any more.
    """
    cutoffs = read_cutoffs(con)
    wanted = cutoffs[-1].horizon_days if cutoffs else 0
    if model.horizon_days != wanted:
        return f"it was trained for {model.horizon_days} days, the horizon is now {wanted} days"
    return None
