"""Churn: who will not buy within the horizon, trained on past cut-offs and scored today.

Here belong the model object and the two verbs, ``train_churn`` and ``score_churn``. How candidates
are judged is in ``trial``, what learns in ``learners``, what the tables look like as arrays in
``samples``.

When the past cannot carry the best, less is exported, never a confident guess: the learned model,
else the best baseline, else the share of all customers that churned, else no score and the reason.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.card import model_card
from cdp_pipeline.prediction.learners import (
    Calibrators,
    Logistic,
    Members,
    Trees,
    one_numeric_thread,
)
from cdp_pipeline.prediction.metrics import tenths
from cdp_pipeline.prediction.reasons import (
    REASONS,
    REASONS_PER_CUSTOMER,
    Explainer,
    reason_text_sql,
)
from cdp_pipeline.prediction.samples import (
    BASELINES,
    POPULATION_ROWS,
    Cutoff,
    Population,
    Samples,
    design,
    read_cutoffs,
    read_samples,
)
from cdp_pipeline.prediction.trial import (
    CHAMPION,
    CUSTOMERS_TO_CALIBRATE,
    CUSTOMERS_TO_LEARN,
    UNKNOWN_DRIFT,
    Z_95,
    Fitted,
    Verdict,
    drift_of,
    rarer_outcome,
    run_trial,
    shift,
    spread,
)

if TYPE_CHECKING:
    import duckdb

FORMAT = 1
PUBLISHED_DIGITS = 6
CHANCE = 0.5
# Fewer customers of the rarer outcome than this, and not even the share of all is worth telling:
# where nobody ever came back, one who does would be news, not one in a thousand.
CUSTOMERS_FOR_A_SHARE = 5


@dataclass(frozen=True)
class ChurnModel:
    """A trained churn model: what scores, what explains, and its card.

    Attributes
    ----------
    exported
        ``logistic_and_trees``, a baseline, ``base_rate`` or ``nothing``.
    horizon_days
        The horizon it was trained for; it scores no other.
    card
        The model card, ready for JSON.
    version
        Hash of everything the model holds: equal models have equal versions.
    """

    exported: str
    baseline: str | None
    horizon_days: int
    population: Population | None
    members: list[Members] = field(repr=False)
    calibrators: dict[str, Calibrators] = field(repr=False)
    drift: dict[str, float]
    explainer: Explainer | None = field(repr=False)
    base_rate: tuple[float, float, float] | None
    card: dict[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """Twelve hex digits that name this model."""
        body = json.dumps(self._body(), sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:12]

    def to_bytes(self) -> bytes:
        """Return the model as JSON: nothing in it runs when it is opened."""
        return json.dumps(
            {"version": self.version, **self._body()}, sort_keys=True, separators=(",", ":")
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ChurnModel:
        """Undo ``to_bytes``."""
        body = json.loads(data)
        if body.get("format") != FORMAT:
            raise ValueError(
                f"this churn model has format {body.get('format')}, this program reads {FORMAT}: "
                "train it again"
            )
        population, explainer, rate = body["population"], body["explainer"], body["base_rate"]
        return cls(
            body["exported"],
            body["baseline"],
            body["horizon_days"],
            None if population is None else Population.from_dict(population),
            [
                Members(Logistic.from_dict(pair["logistic"]), Trees.from_dict(pair["trees"]))
                for pair in body["members"]
            ],
            {name: Calibrators.from_dict(item) for name, item in body["calibrators"].items()},
            body["drift"],
            None if explainer is None else Explainer.from_dict(explainer),
            None if rate is None else (rate[0], rate[1], rate[2]),
            body["card"],
        )

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "exported": self.exported,
            "baseline": self.baseline,
            "horizon_days": self.horizon_days,
            "population": None if self.population is None else self.population.to_dict(),
            "members": [
                {"logistic": pair.logistic.to_dict(), "trees": pair.trees.to_dict()}
                for pair in self.members
            ],
            "calibrators": {name: item.to_dict() for name, item in self.calibrators.items()},
            "drift": self.drift,
            "explainer": None if self.explainer is None else self.explainer.to_dict(),
            "base_rate": self.base_rate,
            "card": self.card,
        }

    def predict(self, samples: Samples) -> tuple[Floats, Floats, Floats] | None:
        """Return probability and interval per row of one cut-off; None when there is no score."""
        if self.exported == "nothing":
            return None
        if self.base_rate is not None:
            return tuple(np.full(len(samples), value) for value in self.base_rate)  # type: ignore[return-value]
        return self._predict(self.exported, samples)

    def predict_baseline(self, samples: Samples) -> Floats | None:
        """Return the best baseline's probability per row; None where none was calibrated."""
        return None if self.baseline is None else self._predict(self.baseline, samples)[0]

    def matrix(self, samples: Samples) -> Floats:
        """Return the design matrix of the rows of one cut-off."""
        assert self.population is not None
        return design(
            samples, dict.fromkeys(np.unique(samples.cutoff_on).tolist(), self.population)
        )

    def _predict(self, name: str, samples: Samples) -> tuple[Floats, Floats, Floats]:
        assert self.population is not None
        if name in BASELINES:
            scores = [self.population.baseline(name, samples)]
        else:
            matrix = self.matrix(samples)
            scores = [pair.predict(matrix)[name] for pair in self.members]
        return spread(self.calibrators[name].apply(scores), self.drift[name])


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
            "not enough history to judge on a later period, "
            f"exported the calibrated baseline {baseline} instead"
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
    return ChurnModel(**{**vars(model), "explainer": explainer, "card": card})


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
    return ChurnModel(exported, None, horizon, population, [], {}, {}, None, rate, card)


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


def score_churn(con: duckdb.DuckDBPyConnection, model: ChurnModel) -> dict[str, str]:
    """Score every customer as of today.

    Reads ``prediction.churn_cutoffs``, ``prediction.churn_features`` and ``identity.identity_map``.

    Returns
    -------
    dict
        ``prediction.churn_predictions`` and the SELECT that gives its rows, one per customer of
        the identity map; those who cannot be scored say why.
    """
    import pyarrow as pa

    cutoffs = read_cutoffs(con)
    if not cutoffs or cutoffs[-1].role != "score":
        raise ValueError("prediction.churn_cutoffs has no day to score: run churn_cutoffs again")
    today = cutoffs[-1]
    samples = read_samples(con, [today.cutoff_on], seed=0)
    columns = _scored_columns(model, samples, today)
    customers = con.sql(
        "select customer_id from prediction.churn_features "
        f"where cutoff_on = date '{today.cutoff_on.isoformat()}' order by customer_id"
    ).to_arrow_table()
    scored = pa.table({"customer_id": customers.column("customer_id"), **columns})
    con.register("churn_scored_arrow", scored)
    con.execute(
        "create or replace temp table churn_scored as select * from churn_scored_arrow"
    ).fetchall()
    con.unregister("churn_scored_arrow")
    return {"prediction.churn_predictions": _predictions_sql(model, today)}


def _scored_columns(model: ChurnModel, samples: Samples, today: Cutoff) -> dict[str, Any]:
    """Return the columns learned for each customer who has features."""
    nothing = np.full(len(samples), np.nan)
    reasons = np.full((len(samples), REASONS_PER_CUSTOMER), -1, dtype=np.int64)
    raises = np.zeros(reasons.shape, dtype=np.bool_)
    chance = low = high = baseline = nothing
    # A model of another horizon answers another question; needs_training says so in time.
    if len(samples) and model.horizon_days == today.horizon_days:
        with one_numeric_thread():
            found = model.predict(samples)
            if found is not None:
                chance, low, high = found
            by_baseline = model.predict_baseline(samples)
            baseline = nothing if by_baseline is None else by_baseline
            if model.explainer is not None:
                reasons, contributions = model.explainer.strongest(model.matrix(samples))
                raises = contributions > 0
    chance = np.round(chance, PUBLISHED_DIGITS)
    is_scored = np.isfinite(chance)
    decile = tenths(chance) if is_scored.all() and len(chance) else np.zeros(len(chance), np.int64)
    codes = np.array([*REASONS, None], dtype=object)
    columns: dict[str, Any] = {
        "p_churn": chance,
        "p_churn_lo": np.minimum(np.round(low, PUBLISHED_DIGITS), chance),
        "p_churn_hi": np.maximum(np.round(high, PUBLISHED_DIGITS), chance),
        "p_churn_baseline": np.round(baseline, PUBLISHED_DIGITS),
        "risk_decile": decile,
    }
    for rank in range(REASONS_PER_CUSTOMER):
        columns[f"code_{rank + 1}"] = codes[reasons[:, rank]]
        columns[f"raises_{rank + 1}"] = raises[:, rank]
    return columns


def _predictions_sql(model: ChurnModel, today: Cutoff) -> str:
    """Return the SELECT of ``prediction.churn_predictions`` over the temp table just made."""
    medians = {} if model.population is None else model.population.medians
    baseline = "null" if model.baseline is None else f"'{model.baseline}'"
    reasons = ",\n".join(
        f"scored.code_{rank} as top_reason_{rank}_code,\n"
        + (
            reason_text_sql(f"scored.code_{rank}", f"scored.raises_{rank}", medians)
            if model.explainer is not None
            else "cast(null as varchar)"
        )
        + f" as top_reason_{rank}"
        for rank in range(1, REASONS_PER_CUSTOMER + 1)
    )

    def known(name: str) -> str:
        return f"case when isnan(scored.{name}) then null else scored.{name} end"

    # Everybody in the base rate is equal: a tenth would pretend otherwise.
    has_ranking = "false" if model.base_rate is not None else "true"
    return f"""
        with customers as (
            select customer_id from identity.identity_map group by customer_id
        ),
        cutoffs as (
            select * from prediction.churn_cutoffs where role = 'score'
        ),
        features as (
            select * from prediction.churn_features
            where cutoff_on = date '{today.cutoff_on.isoformat()}'
        )
        select
            customers.customer_id,
            cutoffs.as_of_on,
            {known("p_churn")} as p_churn,
            {known("p_churn_lo")} as p_churn_lo,
            {known("p_churn_hi")} as p_churn_hi,
            cutoffs.horizon_days,
            case
                when {has_ranking} and not isnan(scored.p_churn)
                then cast(scored.risk_decile as integer)
            end as risk_decile,
            {known("p_churn_baseline")} as p_churn_baseline,
            case when not isnan(scored.p_churn_baseline) then {baseline} end as baseline_name,
            features.expected_gap_days,
            features.days_overdue_ratio,
            {reasons},
            coalesce(not isnan(scored.p_churn), false) as is_scored,
            case
                when features.customer_id is null then 'no_purchase_yet'
                when not isnan(scored.p_churn) then null
                when {model.horizon_days} <> cutoffs.horizon_days then 'model_out_of_date'
                else 'not_enough_history'
            end as not_scored_reason,
            '{model.version}' as model_version
        from customers
        cross join cutoffs
        left join features on customers.customer_id = features.customer_id
        left join churn_scored as scored on customers.customer_id = scored.customer_id
    """


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


__all__ = ["ChurnModel", "needs_training", "score_churn", "train_churn"]
