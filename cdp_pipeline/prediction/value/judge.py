"""How good forecasts of spend are: ranking, total, concentration, each with an interval.

Here belong measures of forecasts against what came, and their bootstrap by customer. Measures of
probabilities are in ``prediction.metrics``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.metrics import Interval, Resampled, tenths


class ValueJudge(Resampled):
    """Customers with known spend, and how well forecasts told it.

    Parameters
    ----------
    came
        What each row's customer spent.
    customer, seed
        As in `Resampled`.
    """

    def __init__(self, came: Floats, customer: NDArray[np.int64], *, seed: int) -> None:
        super().__init__(customer, seed=seed)
        self.came = came
        self.best = _Lorenz(came, came)

    def measures(self, forecast: Floats) -> dict[str, Interval]:
        """Return normalised Gini, bias of the total and mean absolute error of one forecast."""
        lorenz = _Lorenz(forecast, self.came)
        return {
            "normalised_gini": self.interval(lambda weights: self._gini(lorenz, weights)),
            "total_bias": self.interval(lambda weights: total_bias(forecast, self.came, weights)),
            "mean_absolute_error": self.interval(
                lambda weights: float(weights @ np.abs(forecast - self.came) / weights.sum())
            ),
        }

    def gini_gain(self, forecast: Floats, other: Floats) -> Interval:
        """Return by how much one forecast ranks better than another, on the same resamples."""
        one, two = _Lorenz(forecast, self.came), _Lorenz(other, self.came)
        return self.interval(lambda weights: self._gini(one, weights) - self._gini(two, weights))

    def _gini(self, lorenz: _Lorenz, weights: Floats) -> float:
        best = self.best.area(weights)
        return lorenz.area(weights) / best if best > 0 else float("nan")


class _Lorenz:
    """Customers in falling order of a score, those of one score together."""

    def __init__(self, score: Floats, came: Floats) -> None:
        values, level = np.unique(-score, return_inverse=True)
        self.level, self.levels, self.came = level, len(values), came

    def area(self, weights: Floats) -> float:
        """Return the area between the Lorenz curve and the diagonal."""
        people = np.bincount(self.level, weights=weights, minlength=self.levels)
        money = np.bincount(self.level, weights=weights * self.came, minlength=self.levels)
        if money.sum() <= 0:
            return float("nan")
        share = np.cumsum(money) / money.sum()
        before = share - money / money.sum()
        return float((people * (share + before) / 2.0).sum() / people.sum() - 0.5)


def normalised_gini(forecast: Floats, came: Floats) -> float:
    """Area of the forecast's Lorenz curve over that of the best order; 1 is best, 0 is chance."""
    ones = np.ones(len(came))
    return _Lorenz(forecast, came).area(ones) / _Lorenz(came, came).area(ones)


def total_bias(forecast: Floats, came: Floats, weights: Floats | None = None) -> float:
    """Forecast total over what came, less one."""
    weights = np.ones(len(came)) if weights is None else weights
    total = float(weights @ came)
    return float(weights @ forecast) / total - 1.0 if total > 0 else float("nan")


def by_decile(forecast: Floats, came: Floats) -> list[dict[str, float]]:
    """Return promised and observed mean spend per tenth, and its share of all spend."""
    tenth = tenths(forecast)
    rows = []
    for number in range(1, 11):
        here = tenth == number
        if not here.any():
            continue
        rows.append(
            {
                "decile": number,
                "customers": int(here.sum()),
                "promised_mean": round(float(forecast[here].mean()), 4),
                "observed_mean": round(float(came[here].mean()), 4),
                "promised_share": round(_share(forecast, here), 6),
                "observed_share": round(_share(came, here), 6),
            }
        )
    return rows


def _share(amounts: Floats, here: NDArray[np.bool_]) -> float:
    total = float(amounts.sum())
    return float(amounts[here].sum()) / total if total > 0 else 0.0


def concentration(forecast: Floats) -> float | None:
    """Return the share of all expected value that lies in the tenth of customers worth most."""
    total = float(forecast.sum())
    if total <= 0:
        return None
    best = np.sort(forecast)[::-1]
    wanted = len(best) / 10.0
    whole = int(wanted)
    partly = (wanted - whole) * float(best[whole]) if whole < len(best) else 0.0
    return round((float(best[:whole].sum()) + partly) / total, 6)
