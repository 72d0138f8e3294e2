"""Training value on past cut-offs, and when a stored model is of no use today.

Here belongs choosing what deserves to be exported. How candidates are judged is in ``trial``.

When the past cannot carry the best, less is exported, never a confident amount: the forecast that
backtests best, else that of the models of buying, else the average of all customers with a wide
interval, else nothing and the reason.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats, significant
from cdp_pipeline.prediction.drift import Reference
from cdp_pipeline.prediction.samples import POPULATION_ROWS, Cutoff, day_number, read_cutoffs
from cdp_pipeline.prediction.threads import one_numeric_thread
from cdp_pipeline.prediction.value.buying import Buying
from cdp_pipeline.prediction.value.card import value_card
from cdp_pipeline.prediction.value.intervals import SAYS_NOTHING, PastForecast, ValueSpread
from cdp_pipeline.prediction.value.learners import predict_mean, value_design
from cdp_pipeline.prediction.value.level import PeriodError, period_error, sure_factor
from cdp_pipeline.prediction.value.model import DAYS_OF_YEAR, Average, ValueModel
from cdp_pipeline.prediction.value.samples import (
    History,
    ValueSamples,
    Year,
    read_value_samples,
    read_years,
)
from cdp_pipeline.prediction.value.shape import bent, power_of, scale_of
from cdp_pipeline.prediction.value.trial import (
    BUYERS_TO_FORECAST,
    BUYERS_TO_LEARN,
    BUYING,
    Fitted,
    Verdict,
    run_trial,
)

if TYPE_CHECKING:
    import duckdb

# Fewer buyers than this, and not even an average is worth telling.
BUYERS_FOR_AN_AVERAGE = 5


def train_value(con: duckdb.DuckDBPyConnection, *, seed: int) -> ValueModel:
    """Train on past cut-offs, judge on later ones, and keep what deserves to be exported.

    Reads ``prediction.churn_cutoffs``, ``prediction.churn_features``, ``prediction.value_features``
    and ``prediction.value_years``.

    Parameters
    ----------
    seed
        Of folds, trees and resampling: the same seed and tables give the same model, bit for bit.
    """
    cutoffs = read_cutoffs(con)
    past_days = [cutoff.cutoff_on for cutoff in cutoffs if cutoff.label_until_on is not None]
    with one_numeric_thread():
        samples = read_value_samples(con, past_days, seed=seed)
        today = read_value_samples(con, [cutoff.cutoff_on for cutoff in cutoffs[-1:]], seed=seed)
        today = today.at_most(POPULATION_ROWS)
        buying = Buying.of(History.of(today.samples)) if len(today) else None
        buyings = {
            day: found
            for day, part in samples.by_day()
            for found in [Buying.of(History.of(part.samples))]
            if found is not None
        }
        # the oldest cut-offs of a young business hold too few customers for any model
        usable = samples.where(np.isin(samples.samples.cutoff_on, list(buyings)))
        if buying is None or usable.buyers < BUYERS_TO_FORECAST:
            return _train_average(cutoffs, samples, today, buying, seed)
        years = read_years(con)
        return _train(cutoffs, usable, today, buying, buyings, years, seed)


def _train(
    cutoffs: list[Cutoff],
    samples: ValueSamples,
    today: ValueSamples,
    buying: Buying,
    buyings: dict[int, Buying],
    years: list[Year],
    seed: int,
) -> ValueModel:
    """Judge the candidates, then fit the chosen one to all cut-offs with an outcome."""
    days = cutoffs[-1].horizon_days
    usable = [
        cutoff
        for cutoff in cutoffs
        if day_number(cutoff.cutoff_on) in buyings or cutoff.role == "score"
    ]
    verdict = run_trial(samples, usable, buyings, seed=seed)
    if verdict is None:
        exported = BUYING
        because = (
            "not enough data to judge a forecast per customer on a later period, "
            f"exported {BUYING} instead, with a wide interval and without tenths"
        )
    else:
        exported, because = verdict.exported, verdict.because
        if not verdict.ranks:
            low = verdict.measures[exported]["normalised_gini"].low
            because = (
                "no forecast ranked later customers surely better than chance (normalised Gini of "
                f"{exported} from {low:.4f}), exported the average of all customers instead"
            )
            return _average(because, cutoffs, samples, today, buying, seed, verdict=verdict)
    learn = exported != BUYING and samples.buyers >= BUYERS_TO_LEARN
    exported = exported if learn else BUYING
    judged = {} if verdict is None else verdict.forecasts
    fitted = Fitted.to(samples, buyings, days=days, learn=learn, seed=seed, judged=judged)
    if fitted.spreads[exported].says_nothing:
        because = (
            "not enough data for a forecast per customer: past ones lay so far from what came that "
            f"the interval reaches beyond {SAYS_NOTHING:.0f} times the amount, exported the "
            "average of all customers instead"
        )
        return _average(because, cutoffs, samples, today, buying, seed, verdict=verdict)
    year_factor, year_spread = _year(years)
    model = ValueModel(
        method=exported,
        parameter_status=buying.status,
        horizon_days=days,
        buying=buying,
        factor=fitted.factor,
        powers=fitted.powers,
        scales=_scales(fitted, today, buying, days),
        members=fitted.members,
        spread=fitted.spreads[exported],
        year_factor=year_factor,
        year_spread=year_spread,
        average=None,
        reference=Reference({}, {}, 0),
        card={},
    )
    return _finish(model, because, cutoffs, samples, today, verdict, fitted.errors, seed)


def _scales(fitted: Fitted, today: ValueSamples, buying: Buying, days: int) -> tuple[float, float]:
    """Return the factors that bring both forecasts to the total of the models of buying."""
    bought = buying.value(History.of(today.samples), days)
    near = scale_of(bought, fitted.powers[0]) * fitted.factor
    if not fitted.members:
        return significant(near, 9), 1.0
    figure = predict_mean(fitted.members, value_design(today.samples, buying, days))
    total = float(bought.sum()) * fitted.factor
    raised = float((figure ** fitted.powers[1]).sum())
    return significant(near, 9), significant(total / max(raised, 1e-9), 9)


def _year(years: list[Year]) -> tuple[float | None, ValueSpread | None]:
    """Return the factor and the interval of a year's forecast; None where none can be judged."""
    errors: list[PeriodError] = []
    past: list[PastForecast] = []
    for year in years:
        buying = Buying.of(year.history)
        if buying is None or int((year.spent > 0).sum()) < BUYERS_TO_FORECAST:
            continue
        forecast = buying.value(year.history, DAYS_OF_YEAR)
        day = day_number(year.cutoff_on)
        errors.append(period_error(day, float(forecast.sum()), float(year.spent.sum())))
        past.append(PastForecast(day, forecast, year.spent))
    if not past:
        return None, None
    factor, power = sure_factor(errors, DAYS_OF_YEAR), power_of(past)
    # a customer's year grows out of the horizon's amount, which is bent already
    corrected = [
        PastForecast(item.day, bent(item.forecast, power) * factor, item.came) for item in past
    ]
    spread = ValueSpread.of(corrected, DAYS_OF_YEAR, judged=[])
    return (None, None) if spread.says_nothing else (factor, spread)


def _train_average(
    cutoffs: list[Cutoff],
    samples: ValueSamples,
    today: ValueSamples,
    buying: Buying | None,
    seed: int,
) -> ValueModel:
    """Return a model for a past too thin to forecast one customer."""
    if len(today) == 0 or samples.buyers < BUYERS_FOR_AN_AVERAGE:
        because = (
            f"not enough data for value: {BUYERS_FOR_AN_AVERAGE} customers are needed who bought "
            "again within a past horizon, exported no value instead"
        )
        again = samples.samples.customer[samples.bought > 0]
        if len(np.unique(again)) >= BUYERS_FOR_AN_AVERAGE:
            because = (
                "not enough data for value: customers bought again, but for no amount known in the "
                "home currency (prices of zero, or no exchange rate), exported no value instead"
            )
    else:
        because = (
            f"not enough data for a forecast per customer: {samples.buyers} customers bought again "
            f"within a past horizon, {BUYERS_TO_FORECAST} needed; exported the average of all "
            "customers instead, with the interval its few customers allow"
        )
    return _average(because, cutoffs, samples, today, buying, seed)


def _average(
    because: str,
    cutoffs: list[Cutoff],
    samples: ValueSamples,
    today: ValueSamples,
    buying: Buying | None,
    seed: int,
    *,
    verdict: Verdict | None = None,
) -> ValueModel:
    """Return a model that knows the average customer at best."""
    average = None
    if len(today) and samples.buyers >= BUYERS_FOR_AN_AVERAGE:
        average = average_of(samples)
        if average.value <= 0 or average.high > SAYS_NOTHING * average.value:
            average = None
            because = (
                "not enough data for value: what customers spent net of returns differs so much "
                f"from period to period that the average may be {SAYS_NOTHING:.0f} times as much, "
                "exported no value instead"
            )
    model = ValueModel(
        method="none" if average is None else "average",
        parameter_status="too_few" if buying is None or verdict is None else buying.status,
        horizon_days=cutoffs[-1].horizon_days if cutoffs else 0,
        buying=None,
        factor=1.0,
        powers=(1.0, 1.0),
        scales=(1.0, 1.0),
        members=[],
        spread=None,
        year_factor=None,
        year_spread=None,
        average=average,
        reference=Reference({}, {}, 0),
        card={},
    )
    return _finish(model, because, cutoffs, samples, today, verdict, [], seed)


def average_of(samples: ValueSamples) -> Average:
    """Return mean purchase days and spend on the newest past cut-off, with a 95 % interval."""
    parts = samples.by_day()
    newest = parts[-1][1]
    value, orders = float(newest.spent.mean()), float(newest.bought.mean())
    # spend is skewed: the interval is of its log, and never narrower than periods differ
    spread = float(newest.spent.std(ddof=1)) if len(newest) > 1 else value
    relative = spread / math.sqrt(len(newest)) / value if value > 0 else 1.0
    means = np.array([max(float(part.spent.mean()), 1e-9) for _, part in parts])
    moves = float(np.sqrt(np.mean(np.square(np.log(means / max(value, 1e-9))))))
    drift = moves if len(parts) > 1 else 0.25
    half = 1.96 * math.hypot(relative, drift)
    return Average(
        significant(orders, 9),
        significant(value, 9),
        significant(value * math.exp(-half), 9),
        significant(value * math.exp(half), 9),
    )


def _finish(
    model: ValueModel,
    because: str,
    cutoffs: list[Cutoff],
    samples: ValueSamples,
    today: ValueSamples,
    verdict: Verdict | None,
    errors: list[PeriodError],
    seed: int,
) -> ValueModel:
    """Add the card."""
    forecast: Floats | None = model.predict(today.samples) if len(today) else None
    card = value_card(
        model=model,
        because=because,
        cutoffs=cutoffs,
        samples=samples,
        verdict=verdict,
        errors=errors,
        forecast=forecast,
        seed=seed,
    )
    reference = Reference.of(today.samples, forecast)
    return ValueModel(**{**vars(model), "reference": reference, "card": card})


def needs_training(con: duckdb.DuckDBPyConnection, model: ValueModel) -> str | None:
    """Return why a stored model cannot forecast today, None when it can.

    Reads ``prediction.churn_cutoffs``.
    """
    cutoffs = read_cutoffs(con)
    wanted = cutoffs[-1].horizon_days if cutoffs else 0
    if model.horizon_days != wanted:
        return f"it was trained for {model.horizon_days} days, the horizon is now {wanted} days"
    return None
