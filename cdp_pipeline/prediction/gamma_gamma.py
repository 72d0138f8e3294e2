"""The Gamma-Gamma model: how much a customer spends per order.

Here belongs the spend model of Fader & Hardie (2013) alone. It assumes that how much is spent per
order has nothing to do with how often somebody buys; where that fails, so does the product of the
two (check the correlation before using it). How often is in ``bgnbd``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from cdp_pipeline.prediction.bgnbd import (
    LARGEST,
    SMALLEST,
    Floats,
    NotEnoughDataError,
    Status,
    significant,
)

PARAMETER_NAMES = ("p", "q", "v")


@dataclass
class GammaGamma:
    """Mean spend per order by maximum likelihood.

    An order of a customer is Gamma(p, nu), and nu ~ Gamma(q, v) over the customers.

    Parameters
    ----------
    digits
        Significant digits kept of the parameters.

    Attributes
    ----------
    p_, q_, v_ : float
        The parameters; ``v_`` is in the currency of the data.
    log_likelihood_ : float
        Of the data at the parameters.
    parameter_status_ : str
        ``interior``, ``boundary`` (see ``expected_order_value``) or ``not_fitted``.

    Examples
    --------
    >>> import numpy as np
    >>> model = GammaGamma.from_parameters({"p": 6.25, "q": 3.744, "v": 15.444})
    >>> model.expected_order_value(np.array([0.0, 2.0]), np.array([0.0, 22.35])).round(2).tolist()
    [35.18, 24.66]
    """

    digits: int = 9
    p_: float = field(default=np.nan, init=False)
    q_: float = field(default=np.nan, init=False)
    v_: float = field(default=np.nan, init=False)
    log_likelihood_: float = field(default=np.nan, init=False)
    parameter_status_: Status = field(default="not_fitted", init=False)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """Make a fitted model of known parameters (``p``, ``q``, ``v``)."""
        model = cls()
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

    def fit(self, orders: Floats, mean_value: Floats) -> Self:
        """Find the parameters under which these mean order values are most likely.

        Parameters
        ----------
        orders, mean_value
            Orders and their mean value, one element per customer. The published figures count
            repeat orders only. Customers without an order or a positive value are left out.

        Raises
        ------
        NotEnoughDataError
            Fewer than ten customers are left.
        """
        from scipy.optimize import minimize

        x, mean = _usable(orders, mean_value)
        if len(x) < 10:
            raise NotEnoughDataError(
                f"Gamma-Gamma needs at least 10 customers with positive spend; there are {len(x)}"
            )
        # Spend in units of its mean, so that one start and one range suit every currency.
        scale = math.fsum(mean) / len(mean)  # exact, whatever the order of the customers
        bounds = [(np.log(SMALLEST), np.log(LARGEST))] * 3
        best = minimize(
            _negative_mean_log_likelihood,
            np.log([2.0, 3.0, 1.0]),
            args=(x, mean / scale),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-9},
        )
        p, q, v = (float(value) for value in np.exp(best.x))
        self.p_, self.q_, self.v_ = (significant(value, self.digits) for value in (p, q, v * scale))
        edge = (best.x > np.log(LARGEST / 10)) | (best.x < np.log(SMALLEST * 10))
        # Below q = 1 the mean over customers is infinite: as unusable as an edge.
        self.parameter_status_ = "boundary" if edge.any() or q <= 1.0 else "interior"
        self.log_likelihood_ = round(self.log_likelihood(x, mean), 6)
        return self

    def log_likelihood(self, orders: Floats, mean_value: Floats) -> float:
        """Log-likelihood of mean order values at the fitted parameters."""
        x, mean = _usable(orders, mean_value)
        value, _ = _negative_mean_log_likelihood(np.log([self.p_, self.q_, self.v_]), x, mean)
        return -value * len(x)

    def expected_order_value(self, orders: Floats, mean_value: Floats) -> Floats:
        """Value of the next order: own mean, pulled to everybody's by what is not yet known.

        NaN where p * orders + q does not exceed 1, because the mean is infinite there.
        """
        x, mean = np.asarray(orders, dtype=np.float64), np.asarray(mean_value, dtype=np.float64)
        shape = self.p_ * x + self.q_ - 1.0
        known = np.where(x > 0, x * mean, 0.0)
        return np.asarray(
            np.divide(
                self.p_ * (self.v_ + known), shape, out=np.full_like(shape, np.nan), where=shape > 0
            )
        )


def _usable(orders: Floats, mean_value: Floats) -> tuple[Floats, Floats]:
    """Return customers with at least one order and positive spend, in a fixed order."""
    x, mean = np.asarray(orders, dtype=np.float64), np.asarray(mean_value, dtype=np.float64)
    kept = (x > 0) & (mean > 0) & np.isfinite(x + mean)
    order = np.lexsort((mean[kept], x[kept]))
    return x[kept][order], mean[kept][order]


def _negative_mean_log_likelihood(logs: Floats, x: Floats, mean: Floats) -> tuple[float, Floats]:
    """Return minus the mean log-likelihood and its gradient by the logs of p, q, v."""
    from scipy.special import digamma, gammaln

    p, q, v = np.exp(logs)
    total = v + x * mean
    value = (
        gammaln(p * x + q)
        - gammaln(p * x)
        - gammaln(q)
        + q * np.log(v)
        + (p * x - 1.0) * np.log(mean)
        + p * x * np.log(x)
        - (p * x + q) * np.log(total)
    ).mean()
    both = digamma(p * x + q)
    gradient = np.array(
        [
            (x * (both - digamma(p * x) + np.log(mean) + np.log(x) - np.log(total))).mean(),
            (both - digamma(q) + np.log(v) - np.log(total)).mean(),
            (q / v - (p * x + q) / total).mean(),
        ]
    )
    return -float(value), -gradient * np.array([p, q, v])
