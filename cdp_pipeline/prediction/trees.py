"""Boosted trees as plain numbers: fitted by scikit-learn, kept as JSON.

Here belong fitting them and their plain form, so that nothing runs when a model file is opened.
What they learn, and from which columns, is said by whoever fits them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats, significant

_SHAPE: Mapping[str, Any] = {
    "learning_rate": 0.1,
    "max_leaf_nodes": 12,
    "l2_regularization": 1.0,
    "early_stopping": False,
}


def _size(matrix: Floats) -> dict[str, int]:
    """Return the rows a leaf must hold: a leaf of a handful is chance."""
    return {"min_samples_leaf": max(20, len(matrix) // 500)}


@dataclass(frozen=True)
class BoostedTrees:
    """Histogram gradient boosting, kept as the plain nodes of its trees."""

    start: float
    trees: list[NDArray[np.void]]

    @classmethod
    def of_outcome(
        cls,
        matrix: Floats,
        outcome: Floats,
        *,
        seed: int,
        iterations: int = 60,
        weight: Floats | None = None,
        shape: Mapping[str, Any] | None = None,
    ) -> Self:
        """Fit to an outcome of 0 or 1, rows in a fixed order; ``raw`` is in log odds.

        Early stopping would hold back rows by their position, and with it the result would
        depend on the order of rows; few and shallow trees keep it from learning by heart.

        Parameters
        ----------
        weight
            How many rows each row stands for.
        shape
            What differs from the usual trees.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        return cls._of(
            HistGradientBoostingClassifier(
                **{**_SHAPE, **(shape or {})},
                **_size(matrix),
                max_iter=iterations,
                random_state=seed,
            ).fit(matrix, outcome, sample_weight=weight)
        )

    @classmethod
    def of_number(cls, matrix: Floats, number: Floats, *, seed: int, iterations: int = 60) -> Self:
        """Fit to a number by least squares, rows in a fixed order."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        return cls._of(
            HistGradientBoostingRegressor(
                **_SHAPE, **_size(matrix), max_iter=iterations, random_state=seed
            ).fit(matrix, number)
        )

    @classmethod
    def _of(cls, model: Any) -> Self:
        trees = [stage[0].nodes.copy() for stage in model._predictors]
        for nodes in trees:
            nodes["value"] = [significant(float(value), 9) for value in nodes["value"]]
        return cls(significant(float(model._baseline_prediction.ravel()[0]), 9), trees)

    def raw(self, matrix: Floats) -> Floats:
        """Return the sum of the trees per row, before any link."""
        from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

        no_categories = np.zeros((0, 8), dtype=np.uint32)
        places = np.zeros(matrix.shape[1], dtype=np.uint32)
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        total = np.full(len(rows), self.start)
        for nodes in self.trees:
            tree = TreePredictor(nodes, no_categories, no_categories)
            # one thread: callers score batches side by side, and threads that wait cost CPU
            total += tree.predict(rows, no_categories, places, 1)
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return the nodes column by column, ready for JSON."""
        return {
            "start": self.start,
            "trees": [
                {
                    "feature": nodes["feature_idx"].tolist(),
                    "threshold": nodes["num_threshold"].tolist(),
                    "left": nodes["left"].tolist(),
                    "right": nodes["right"].tolist(),
                    "null_goes_left": nodes["missing_go_to_left"].tolist(),
                    "is_leaf": nodes["is_leaf"].tolist(),
                    "value": nodes["value"].tolist(),
                }
                for nodes in self.trees
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo ``to_dict``."""
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

        names = {
            "feature_idx": "feature",
            "num_threshold": "threshold",
            "left": "left",
            "right": "right",
            "missing_go_to_left": "null_goes_left",
            "is_leaf": "is_leaf",
            "value": "value",
        }
        trees = []
        for tree in data["trees"]:
            nodes = np.zeros(len(tree["value"]), dtype=PREDICTOR_RECORD_DTYPE)
            for ours, theirs in names.items():
                nodes[ours] = tree[theirs]
            trees.append(nodes)
        return cls(data["start"], trees)
