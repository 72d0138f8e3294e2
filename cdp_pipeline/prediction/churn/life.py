"""Whether a newly trained churn model replaces the stored one.

Here belongs measuring the two on the same past customers. The rule is in ``prediction.life``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp_pipeline.prediction.churn.model import ChurnModel
from cdp_pipeline.prediction.churn.train import needs_training
from cdp_pipeline.prediction.drift import BLOCK, too_far
from cdp_pipeline.prediction.life import Contest, Rule, decided, first, replaced
from cdp_pipeline.prediction.metrics import Judge
from cdp_pipeline.prediction.samples import POPULATION_ROWS, Samples, read_cutoffs, read_samples
from cdp_pipeline.prediction.threads import one_numeric_thread

if TYPE_CHECKING:
    import duckdb


def champion_of(
    con: duckdb.DuckDBPyConnection,
    stored: bytes | None,
    challenger: ChurnModel,
    *,
    rule: Rule,
    seed: int,
    drift_limit: float = BLOCK,
) -> ChurnModel:
    """Return the model to keep, the decision on its card.

    Reads ``prediction.churn_cutoffs`` and ``prediction.churn_features``.

    Parameters
    ----------
    stored
        The model that is stored, None before the first.
    challenger
        The newly trained one.
    seed
        Of the folds both were trained with, and of the resampling.
    """
    new = challenger.version
    if stored is None:
        return _with_life(challenger, first(new))
    try:
        champion = ChurnModel.from_bytes(stored)
    except (ValueError, KeyError, TypeError):
        return _with_life(challenger, replaced(new, None, "the stored one has another format"))
    if champion.version == new:
        return champion
    with one_numeric_thread():
        because = _unusable(con, champion, drift_limit)
        contest = None if because else _contest(con, champion, challenger, seed)
    if contest is None:
        because = because or "one of the two has no score to judge"
        return _with_life(challenger, replaced(new, champion.version, because))
    life = decided(rule, contest, champion.version, new)
    return _with_life(challenger if life["decision"] == "promoted" else champion, life)


def _unusable(
    con: duckdb.DuckDBPyConnection, champion: ChurnModel, drift_limit: float
) -> str | None:
    """Return why the stored model cannot be used today, None when it can."""
    because = needs_training(con, champion)
    if because is not None:
        return because
    today = read_samples(con, [read_cutoffs(con)[-1].cutoff_on], seed=0)
    scored = champion.predict(today) if len(today) else None
    index = champion.reference.index(today, None if scored is None else scored[0])
    return "today's customers drifted from those it knew" if too_far(index, drift_limit) else None


def _contest(
    con: duckdb.DuckDBPyConnection, champion: ChurnModel, challenger: ChurnModel, seed: int
) -> Contest | None:
    """Measure both on the newest cut-off with an outcome; None where one has no score."""
    days = [cutoff.cutoff_on for cutoff in read_cutoffs(con) if cutoff.label_until_on is not None]
    if not days:
        return None
    samples: Samples = read_samples(con, days[-1:], seed=seed).at_most(POPULATION_ROWS)
    old, new = champion.predict_held_out(samples), challenger.predict_held_out(samples)
    if old is None or new is None or len(samples) == 0:
        return None
    judge = Judge(samples.churned, samples.customer, seed=seed)
    return Contest(
        days[-1].isoformat(),
        judge.measures(old),
        judge.measures(new),
        "brier",
        judge.brier_gain(new, old),
    )


def _with_life(model: ChurnModel, life: dict[str, object]) -> ChurnModel:
    return ChurnModel(**{**vars(model), "card": {**model.card, "life": life}})
