"""What learns to tell how much customers spend: who buys at all, and how much those who do.

Here belong the two parts, their columns and fitting them with folds of customers left out. Both are
boosted trees; the forecast of the models of buying is among their columns. Their product ranks
customers; what all customers spend together is set by ``level``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.samples import FEATURES, Samples
from cdp_pipeline.prediction.trees import BoostedTrees
from cdp_pipeline.prediction.value.buying import Buying
from cdp_pipeline.prediction.value.samples import History

# More trees ranked no better on any day tried, and cost twice.
ITERATIONS = 30
# Thirds: the spread of an amount is measured on past periods, not read off the folds.
THIRDS = 3
COLUMNS = (*FEATURES, "log_expected_orders", "log_expected_order_value")


def value_design(samples: Samples, buying: Buying, days: float) -> Floats:
    """Return the matrix of one cut-off: the features, and what the models of buying expect."""
    history = History.of(samples)
    matrix = np.empty((len(samples), len(COLUMNS)))
    for position, name in enumerate(FEATURES):
        matrix[:, position] = samples.values[name]
    matrix[:, -2] = np.log(np.maximum(buying.orders(history, days), 1e-6))
    matrix[:, -1] = np.log(np.maximum(buying.order_value(history), 1e-6))
    return matrix


@dataclass(frozen=True)
class TwoParts:
    """Chance of buying at all, and the usual spend of those who buy."""

    buys: BoostedTrees
    amount: BoostedTrees

    @classmethod
    def fit(cls, matrix: Floats, spent: Floats, *, seed: int) -> Self:
        """Fit to rows in a fixed order."""
        buyers = spent > 0
        return cls(
            BoostedTrees.of_outcome(
                matrix, buyers.astype(np.float64), seed=seed, iterations=ITERATIONS
            ),
            # a ratio is felt alike by small and large spenders: logs
            BoostedTrees.of_number(
                matrix[buyers], np.log(spent[buyers]), seed=seed, iterations=ITERATIONS
            ),
        )

    def predict(self, matrix: Floats) -> Floats:
        """Return a figure per row that grows with the expected spend; its level means nothing."""
        chance = 1.0 / (1.0 + np.exp(-self.buys.raw(matrix)))
        return np.asarray(chance * np.exp(self.amount.raw(matrix)))

    def to_dict(self) -> dict[str, Any]:
        """Return the trees, ready for JSON."""
        return {"buys": self.buys.to_dict(), "amount": self.amount.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        return cls(BoostedTrees.from_dict(data["buys"]), BoostedTrees.from_dict(data["amount"]))


def third_of(samples: Samples) -> NDArray[np.int64]:
    """Return which third of the customers each row's belongs to, by hash."""
    return samples.draw % THIRDS


def fit_thirds(
    matrix: Floats, spent: Floats, third: NDArray[np.int64], *, seed: int
) -> tuple[list[TwoParts], Floats]:
    """Fit with each third of the customers left out.

    Returns
    -------
    members
        One pair of learners per third left out.
    out_of_fold
        The figure of every row by the pair that did not see its customer.
    """
    members = []
    out_of_fold = np.empty(len(spent))
    for left_out in range(THIRDS):
        held = third == left_out
        member = TwoParts.fit(matrix[~held], spent[~held], seed=seed)
        members.append(member)
        out_of_fold[held] = member.predict(matrix[held])
    return members, out_of_fold


def predict_mean(members: list[TwoParts], matrix: Floats) -> Floats:
    """Return the mean figure of all members per row."""
    total = np.zeros(len(matrix))
    for member in members:
        total += member.predict(matrix)
    return total / len(members)
