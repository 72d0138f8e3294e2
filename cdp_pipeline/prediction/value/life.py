"""Whether a newly trained model of value replaces the stored one.

Here belongs measuring the two on the same past customers. The rule is in ``prediction.life``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp_pipeline.prediction.drift import BLOCK, too_far
from cdp_pipeline.prediction.life import Contest, Rule, decided, first, replaced
from cdp_pipeline.prediction.samples import POPULATION_ROWS, read_cutoffs
from cdp_pipeline.prediction.threads import one_numeric_thread
from cdp_pipeline.prediction.value.judge import ValueJudge
from cdp_pipeline.prediction.value.model import ValueModel
from cdp_pipeline.prediction.value.samples import read_value_samples
from cdp_pipeline.prediction.value.train import needs_training

if TYPE_CHECKING:
    import duckdb


def champion_of(
    con: duckdb.DuckDBPyConnection,
    stored: bytes | None,
    challenger: ValueModel,
    *,
    rule: Rule,
    seed: int,
    drift_limit: float = BLOCK,
) -> ValueModel:
    """Return the model to keep, the decision on its card.

    Reads ``prediction.churn_cutoffs``, ``prediction.churn_features`` and
    ``prediction.value_features``.

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
        champion = ValueModel.from_bytes(stored)
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
    con: duckdb.DuckDBPyConnection, champion: ValueModel, drift_limit: float
) -> str | None:
    """Return why the stored model cannot be used today, None when it can."""
    because = needs_training(con, champion)
    if because is not None:
        return because
    today = read_value_samples(con, [read_cutoffs(con)[-1].cutoff_on], seed=0).samples
    index = champion.reference.index(today, champion.predict(today) if len(today) else None)
    return "today's customers drifted from those it knew" if too_far(index, drift_limit) else None


def _contest(
    con: duckdb.DuckDBPyConnection, champion: ValueModel, challenger: ValueModel, seed: int
) -> Contest | None:
    """Measure both on the newest cut-off with an outcome; None where one has no score."""
    days = [cutoff.cutoff_on for cutoff in read_cutoffs(con) if cutoff.label_until_on is not None]
    if not days:
        return None
    rows = read_value_samples(con, days[-1:], seed=seed).at_most(POPULATION_ROWS)
    old = champion.predict(rows.samples, held_out=True)
    new = challenger.predict(rows.samples, held_out=True)
    if old is None or new is None or len(rows) == 0:
        return None
    judge = ValueJudge(rows.spent, rows.samples.customer, seed=seed)
    return Contest(
        days[-1].isoformat(),
        judge.measures(old),
        judge.measures(new),
        "normalised_gini",
        judge.gini_gain(new, old),
    )


def _with_life(model: ValueModel, life: dict[str, object]) -> ValueModel:
    return ValueModel(**{**vars(model), "card": {**model.card, "life": life}})
