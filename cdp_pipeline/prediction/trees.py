"""Boosted trees as plain numbers: fitted by scikit-learn, kept as JSON.

Here belong fitting them and their plain form, so that nothing runs when a model file is opened.
What they learn, and from which columns, is said by whoever fits them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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
class Columns:
    """Some columns of a matrix; rows that are the same in all of them are kept once.

    Attributes
    ----------
    numbers
        Which columns of the matrix they are.
    values
        Different rows x these columns.
    row
        Per row of the matrix, its row in `values`; None when it has the same.
    """

    numbers: Sequence[int]
    values: Floats
    row: NDArray[np.int64] | None = None


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
        matrix = np.asarray(matrix, dtype=np.float64)
        return self.raw_of([Columns(range(matrix.shape[1]), matrix)], len(matrix))

    def raw_of(self, parts: Sequence[Columns], rows: int) -> Floats:
        """Return what ``raw`` does, of a matrix of so many rows that is given in parts."""
        return self._lookup.sum_of(parts, rows, self.start)

    @cached_property
    def _lookup(self) -> _Lookup:
        return _Lookup.of(self.trees)

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


# Leaves a tree may have: one bit each.
MOST_LEAVES = 16
# Rows looked up together, so that their bits stay in the processor's cache.
_ROWS_TOGETHER = 2048
# Times a power of two, the top four bits tell which power it was (a de Bruijn sequence).
_WHICH_BIT = np.uint16(0x09AF)


@dataclass(frozen=True)
class _Lookup:
    """All trees at once: which leaves a value of a feature leaves over, as bits (QuickScorer).

    Walking a tree guesses wrongly at every second node; here a feature is looked up once for all
    trees, and the first leaf that every feature left over is where the walk would have ended
    (Lucchese et al. 2015). The sums are the same to the last bit.

    Attributes
    ----------
    borders
        Thresholds per feature that any tree asks for, ascending.
    leaves
        Per feature, one row per place among its borders and one for nan, one column per tree.
    values
        Trees x leaves, in the order that ``_WHICH_BIT`` gives.
    """

    borders: Mapping[int, Floats]
    leaves: Mapping[int, NDArray[np.uint16]]
    values: Floats

    @classmethod
    def of(cls, trees: list[NDArray[np.void]]) -> Self:
        """Read the nodes of the trees."""
        values = np.zeros((len(trees), MOST_LEAVES))
        asked: dict[int, list[tuple[float, int, int, bool]]] = {}
        powers = np.left_shift(1, np.arange(MOST_LEAVES)).astype(np.uint16)
        bit_places = (powers * _WHICH_BIT) >> np.uint16(12)

        def walk(tree: int, node: int, first: int) -> int:
            """Note a node and those below it; return the number of the next leaf."""
            at = trees[tree][node]
            if at["is_leaf"]:
                if first >= MOST_LEAVES:
                    raise ValueError(f"a tree has more than {MOST_LEAVES} leaves: train it again")
                values[tree, bit_places[first]] = at["value"]
                return first + 1
            middle = walk(tree, int(at["left"]), first)
            # who goes right has none of the leaves on the left
            left_over = 0xFFFF & ~((1 << middle) - (1 << first))
            asked.setdefault(int(at["feature_idx"]), []).append(
                (float(at["num_threshold"]), tree, left_over, bool(at["missing_go_to_left"]))
            )
            return walk(tree, int(at["right"]), middle)

        for tree in range(len(trees)):
            walk(tree, 0, 0)
        borders = {
            feature: np.unique([threshold for threshold, *_ in nodes])
            for feature, nodes in sorted(asked.items())
        }
        leaves = {}
        for feature, edges in borders.items():
            table = np.full((len(edges) + 2, len(trees)), 0xFFFF, dtype=np.uint16)
            for threshold, tree, left_over, null_goes_left in asked[feature]:
                above = int(np.searchsorted(edges, threshold)) + 1
                table[above:-1, tree] &= left_over
                if not null_goes_left:
                    table[-1, tree] &= left_over
            leaves[feature] = table
        return cls(borders, leaves, values)

    def sum_of(self, parts: Sequence[Columns], rows: int, start: float) -> Floats:
        """Return the start and the values of all trees, added tree by tree."""
        total = np.full(rows, start)
        # what rows share is looked up once, the rest while the bits of its rows are in the cache
        shared = [None if part.row is None else self._left_over(part) for part in parts]
        for first in range(0, rows, _ROWS_TOGETHER):
            some = slice(first, min(first + _ROWS_TOGETHER, rows))
            left_over = np.full((some.stop - first, len(self.values)), 0xFFFF, dtype=np.uint16)
            for part, bits in zip(parts, shared, strict=True):
                if bits is None or part.row is None:
                    self._take_away(left_over, part, some)
                else:
                    left_over &= bits.take(part.row[some], axis=0)
            left_over &= ~left_over + np.uint16(1)
            leaf = (np.ascontiguousarray(left_over.T) * _WHICH_BIT) >> np.uint16(12)
            sums = total[some]
            for values, of_tree in zip(self.values, leaf, strict=True):
                sums += values.take(of_tree)
        return total

    def _left_over(self, part: Columns) -> NDArray[np.uint16]:
        """Return the leaves that the different rows of some columns leave over."""
        bits = np.full((len(part.values), len(self.values)), 0xFFFF, dtype=np.uint16)
        for first in range(0, len(bits), _ROWS_TOGETHER):
            some = slice(first, first + _ROWS_TOGETHER)
            self._take_away(bits[some], part, some)
        return bits

    def _take_away(self, left_over: NDArray[np.uint16], part: Columns, some: slice) -> None:
        """Take away the leaves that some rows of some columns do not leave over."""
        for place, feature in enumerate(part.numbers):
            if feature not in self.borders:
                continue
            edges = self.borders[feature]
            column = np.ascontiguousarray(part.values[some, place])
            at = np.searchsorted(edges, column)
            at[np.isnan(column)] = len(edges) + 1
            left_over &= self.leaves[feature].take(at, axis=0)
