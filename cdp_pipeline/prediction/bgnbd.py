"""The BG/NBD family: how often customers buy, and when they silently stop.

Here belong the two models of Fader, Hardie & Lee (2005) and Batislam, Denizel & Filiztekin (2007)
fitted by maximum likelihood, and what follows from their parameters in closed form. Spend per
order is in ``gamma_gamma``; who counts as a churner, and how scores are calibrated, in ``churn``.

A customer is three numbers: ``x`` repeat purchase days, ``t_x`` the time of the last one and ``T``
the time observed, both counted from the first purchase. While active a customer buys at random
with rate lambda ~ Gamma(r, alpha) and stops after a purchase with probability p ~ Beta(a, b).
In the modified model a customer may stop right after the first purchase too, so that a one-time
buyer need not be alive; that is why churn uses it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Status = Literal["interior", "boundary", "not_fitted"]

PARAMETER_NAMES = ("r", "alpha", "a", "b")
# Beyond these the likelihood is flat: the data no longer say how large the parameter is.
SMALLEST, LARGEST = 1e-3, 1e4


class NotEnoughDataError(ValueError):
    """The purchases cannot carry this model; the message says what is missing."""


@dataclass
class BetaGeometricNBD:
    """BG/NBD or MBG/NBD by maximum likelihood.

    Parameters
    ----------
    modified
        True for MBG/NBD (a customer may stop after the first purchase), False for BG/NBD.
    digits
        Significant digits kept of the parameters, so that the last bits of an optimiser never
        reach a file.

    Attributes
    ----------
    r_, alpha_, a_, b_ : float
        The parameters; ``alpha_`` is in the time unit of the data.
    log_likelihood_ : float
        Of the data at the parameters.
    parameter_status_ : str
        ``interior``; ``boundary`` when a parameter ran to the edge of what is searched, where a
        simpler model fits as well and single parameters mean nothing; ``not_fitted``.

    Examples
    --------
    >>> import numpy as np
    >>> model = BetaGeometricNBD.from_parameters(
    ...     {"r": 0.2426, "alpha": 4.4135, "a": 0.7929, "b": 2.4258}, modified=False
    ... )
    >>> x, t_x, T = np.array([0.0, 2.0]), np.array([0.0, 30.43]), np.array([38.86, 38.86])
    >>> model.probability_of_no_purchase(x, t_x, T, 13.0).round(3).tolist()
    [0.938, 0.677]
    >>> model.expected_purchases(x, t_x, T, 39.0).round(3).tolist()
    [0.195, 1.226]
    """

    modified: bool = True
    digits: int = 9
    r_: float = field(default=np.nan, init=False)
    alpha_: float = field(default=np.nan, init=False)
    a_: float = field(default=np.nan, init=False)
    b_: float = field(default=np.nan, init=False)
    log_likelihood_: float = field(default=np.nan, init=False)
    parameter_status_: Status = field(default="not_fitted", init=False)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any], *, modified: bool = True) -> Self:
        """Make a fitted model of known parameters (``r``, ``alpha``, ``a``, ``b``)."""
        model = cls(modified=modified)
        for name in PARAMETER_NAMES:
            setattr(model, f"{name}_", float(parameters[name]))
        model.log_likelihood_ = float(parameters.get("log_likelihood", np.nan))
        model.parameter_status_ = parameters.get("parameter_status", "interior")
        return model

    def to_parameters(self) -> dict[str, float | str]:
        """Return what ``from_parameters`` needs, ready for JSON."""
        return {
            **{name: getattr(self, f"{name}_") for name in PARAMETER_NAMES},
            "log_likelihood": self.log_likelihood_,
            "parameter_status": self.parameter_status_,
        }

    def fit(self, x: Floats, t_x: Floats, T: Floats) -> Self:  # noqa: N803 - the field's letters
        """Find the parameters under which these purchases are most likely.

        Parameters
        ----------
        x, t_x, T
            Repeat purchases, time of the last and time observed, one element per customer.

        Raises
        ------
        NotEnoughDataError
            Fewer than ten customers, or nobody bought twice: any rate of stopping fits.
        """
        from scipy.optimize import minimize

        x, t_x, T = _checked(x, t_x, T)  # noqa: N806
        if len(x) < 10 or not (x > 0).any():
            raise NotEnoughDataError(
                f"BG/NBD needs at least 10 customers and one repeat purchase; "
                f"there are {len(x)} customers and {int(x.sum())} repeat purchases"
            )
        data = _Grouped.of(x, t_x, T)
        # Time in units of the mean observation, so that one start and one range suit all data; an
        # exact sum, because a rounded one depends on the order of the customers.
        scale = math.fsum(T) / len(T)
        scaled = _Grouped(data.x, data.t_x / scale, data.T / scale, data.count, data.levels)
        bounds = [(np.log(SMALLEST), np.log(LARGEST))] * 4
        best = min(
            (
                minimize(
                    _negative_mean_log_likelihood,
                    np.log(start),
                    args=(scaled, self.modified),
                    jac=True,
                    method="L-BFGS-B",
                    bounds=bounds,
                    options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-9},
                )
                for start in ([0.5, 0.3, 0.8, 2.5], [2.0, 1.0, 1.0, 20.0])
            ),
            key=lambda found: float(found.fun),
        )
        at_edge = np.abs(best.x) > np.log(LARGEST / 10)
        below_edge = best.x < np.log(SMALLEST * 10)
        r, alpha, a, b = (float(value) for value in np.exp(best.x))
        self.r_, self.alpha_, self.a_, self.b_ = (
            significant(value, self.digits) for value in (r, alpha * scale, a, b)
        )
        self.parameter_status_ = "boundary" if (at_edge | below_edge).any() else "interior"
        self.log_likelihood_ = round(self.log_likelihood(x, t_x, T), 6)
        return self

    def log_likelihood(self, x: Floats, t_x: Floats, T: Floats) -> float:  # noqa: N803
        """Log-likelihood of purchases at the fitted parameters."""
        x, t_x, T = _checked(x, t_x, T)  # noqa: N806
        logs = np.log([self.r_, self.alpha_, self.a_, self.b_])
        data = _Grouped.of(x, t_x, T)
        value, _ = _negative_mean_log_likelihood(logs, data, self.modified)
        return -value * float(data.count.sum())

    def probability_alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Probability of not having stopped by T. Not a churn score: see the next method."""
        x, t_x, T = _checked(x, t_x, T)  # noqa: N806
        # beyond 700 the exponential overflows, and nobody is alive long before
        return np.asarray(1.0 / (1.0 + np.exp(np.minimum(self._log_dead_odds(x, t_x, T), 700.0))))

    def probability_of_no_purchase(
        self,
        x: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        horizon: float | Floats,
    ) -> Floats:
        """Probability that nothing is bought in (T, T + horizon]: stopped, or alive and quiet.

        The likelihood of the same purchases observed until T + horizon over that until T, hence
        exact. In BG/NBD every one-time buyer is alive for sure, yet may be quiet for good; ranking
        by ``probability_alive`` would call them the safest customers.
        """
        x, t_x, T = _checked(x, t_x, T)  # noqa: N806
        log_quiet = (self.r_ + x) * (np.log(self.alpha_ + T) - np.log(self.alpha_ + T + horizon))
        log_dead = self._log_dead_odds(x, t_x, T)
        return np.asarray(
            np.exp(np.logaddexp(log_quiet, log_dead) - np.logaddexp(0.0, log_dead))
        ).clip(0.0, 1.0)

    def expected_purchases(
        self,
        x: Floats,
        t_x: Floats,
        T: Floats,  # noqa: N803
        horizon: float | Floats,
    ) -> Floats:
        """Purchase days expected in (T, T + horizon] given the history."""
        from scipy.special import betaincinv

        x, t_x, T = _checked(x, t_x, T)  # noqa: N806
        # An active customer with rate l and chance p of stopping buys (1 - exp(-l p h)) / p times.
        # The mean over l is closed; p is averaged by quadrature over its quantiles, because the
        # textbook's hypergeometric form breaks at a = 1 and overflows for frequent buyers.
        nodes, weights = np.polynomial.legendre.leggauss(32)
        horizons = np.broadcast_to(np.asarray(horizon, dtype=np.float64), T.shape)
        result = np.zeros_like(T)
        for level in np.unique(x):
            rows = x == level
            stays = self.b_ + level + (1.0 if self.modified else 0.0)
            p = np.maximum(betaincinv(self.a_, stays, (nodes + 1.0) / 2.0), 1e-12)
            known = (self.alpha_ + T[rows])[:, None]
            quiet = (known / (known + p * horizons[rows][:, None])) ** (self.r_ + level)
            result[rows] = ((1.0 - quiet) / p) @ (weights / 2.0)
        return np.asarray(result * self.probability_alive(x, t_x, T))

    def _log_dead_odds(self, x: Floats, t_x: Floats, T: Floats) -> Floats:  # noqa: N803
        """Log of (stopped after the last purchase) over (still active), given the history."""
        ratio = (self.r_ + x) * (np.log(self.alpha_ + T) - np.log(self.alpha_ + t_x))
        if self.modified:
            return np.asarray(np.log(self.a_) - np.log(self.b_ + x) + ratio)
        # A BG/NBD customer cannot stop before the first repeat purchase.
        chance = np.log(self.a_) - np.log(self.b_ + np.maximum(x, 1.0) - 1.0)
        return np.where(x > 0, chance + ratio, -np.inf)


@dataclass
class _Grouped:
    """Customers who share x, t_x and T, counted once; the sums per level of x need x only once."""

    x: Floats
    t_x: Floats
    T: Floats
    count: Floats
    levels: tuple[Floats, NDArray[np.intp]]

    @classmethod
    def of(cls, x: Floats, t_x: Floats, T: Floats) -> _Grouped:  # noqa: N803
        """Group customers; the result does not depend on their order."""
        rows, count = np.unique(np.stack([x, t_x, T], axis=1), axis=0, return_counts=True)
        levels, inverse = np.unique(rows[:, 0], return_inverse=True)
        return cls(rows[:, 0], rows[:, 1], rows[:, 2], count.astype(np.float64), (levels, inverse))


def _negative_mean_log_likelihood(
    logs: Floats, data: _Grouped, modified: bool
) -> tuple[float, Floats]:
    """Return minus the mean log-likelihood and its gradient by the logs of r, alpha, a, b."""
    from scipy.special import digamma, gammaln

    r, alpha, a, b = np.exp(logs)
    x, weight = data.x, data.count / data.count.sum()
    levels, inverse = data.levels
    stays = b + levels + (1.0 if modified else 0.0)
    log_observed, log_last = np.log(alpha + data.T), np.log(alpha + data.t_x)
    # Still active at T, or stopped right after the last purchase.
    active = -(r + x) * log_observed
    log_stop = np.log(a) - np.log(b + x if modified else b + np.maximum(x, 1.0) - 1.0)
    stopped = log_stop - (r + x) * log_last
    if not modified:
        stopped = np.where(x > 0, stopped, -np.inf)
    either = np.logaddexp(active, stopped)
    by_level = (
        gammaln(r + levels)
        - gammaln(r)
        + r * np.log(alpha)
        + gammaln(stays)
        - gammaln(a + stays)
        - gammaln(b)
        + gammaln(a + b)
    )
    value = float(weight @ (by_level[inverse] + either))
    share_active, share_stopped = np.exp(active - either), np.exp(stopped - either)
    levels_weight = np.bincount(inverse, weights=weight, minlength=len(levels))
    stop_base = b + x if modified else b + np.maximum(x, 1.0) - 1.0
    gradient = np.array(
        [
            levels_weight @ (digamma(r + levels) - digamma(r) + np.log(alpha))
            - weight @ (share_active * log_observed + share_stopped * log_last),
            r / alpha
            - weight
            @ ((r + x) * (share_active / (alpha + data.T) + share_stopped / (alpha + data.t_x))),
            levels_weight @ (digamma(a + b) - digamma(a + stays)) + weight @ share_stopped / a,
            levels_weight @ (digamma(stays) - digamma(a + stays) - digamma(b) + digamma(a + b))
            - weight @ (share_stopped / stop_base),
        ]
    )
    return -value, -gradient * np.array([r, alpha, a, b])


def _checked(x: Floats, t_x: Floats, T: Floats) -> tuple[Floats, Floats, Floats]:  # noqa: N803
    """Return the columns as doubles, refusing what cannot be a purchase history."""
    x, t_x, T = (np.asarray(column, dtype=np.float64) for column in (x, t_x, T))  # noqa: N806
    if not (len(x) == len(t_x) == len(T)):
        raise ValueError("x, t_x and T must have one element per customer each")
    wrong = (x < 0) | (t_x < 0) | (t_x > T) | ((x == 0) & (t_x > 0)) | ~np.isfinite(x + t_x + T)
    if wrong.any():
        raise ValueError(
            f"{int(wrong.sum())} customers have impossible purchase times: "
            "0 <= t_x <= T must hold, and t_x = 0 without a repeat purchase"
        )
    return x, t_x, T


def significant(value: float, digits: int) -> float:
    """Round to so many significant digits."""
    return float(f"{value:.{digits - 1}e}")
