"""Boosted trees kept as numbers say what scikit-learn's say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.trees import MOST_LEAVES, BoostedTrees, Columns


@pytest.fixture(scope="module")
def matrix() -> Floats:
    """Columns with gaps, with equal values, and one that is hardly ever known."""
    draw = np.random.default_rng(7)
    matrix = draw.normal(size=(6_000, 5))
    matrix[:, 1] = np.round(matrix[:, 1])
    matrix[draw.random(matrix.shape) < [0.0, 0.1, 0.5, 0.0, 0.97]] = np.nan
    return matrix


@pytest.fixture(scope="module")
def outcome(matrix: Floats) -> Floats:
    known = np.nan_to_num(matrix, nan=0.7)
    return np.asarray(known[:, 0] * known[:, 1] + known[:, 2] > 0.2).astype(np.float64)


def test_looking_up_all_trees_at_once_ends_in_the_leaves_of_scikit_learn(
    matrix: Floats, outcome: Floats
) -> None:
    shape = {"max_leaf_nodes": MOST_LEAVES}
    trees = BoostedTrees.of_outcome(matrix, outcome, seed=3, iterations=25, shape=shape)
    reference = HistGradientBoostingClassifier(
        learning_rate=0.1,
        l2_regularization=1.0,
        early_stopping=False,
        min_samples_leaf=20,
        max_leaf_nodes=MOST_LEAVES,
        max_iter=25,
        random_state=3,
    ).fit(matrix, outcome)
    # values at a border, and ones no training row had
    asked = np.concatenate([matrix, np.full((1, 5), np.inf), np.full((1, 5), -np.inf)])
    asked = np.concatenate([asked, np.full((1, 5), np.nan), np.round(matrix[:500], 1)])
    # the leaves are kept with nine digits
    np.testing.assert_allclose(trees.raw(asked), reference.decision_function(asked), atol=1e-7)
    kept = BoostedTrees.from_dict(json.loads(json.dumps(trees.to_dict())))
    np.testing.assert_array_equal(kept.raw(asked), trees.raw(asked))


def test_a_matrix_in_parts_has_the_same_sums_as_the_matrix_to_the_last_bit(
    matrix: Floats, outcome: Floats
) -> None:
    draw = np.random.default_rng(8)
    # three columns whose rows repeat, in an order of their own, and two that stand row by row
    row = draw.integers(0, 700, len(matrix))
    whole = matrix.copy()
    whole[:, [3, 0, 1]] = matrix[row][:, [3, 0, 1]]
    trees = BoostedTrees.of_outcome(whole, outcome, seed=3)
    parts = [
        Columns([3, 0, 1], matrix[:700][:, [3, 0, 1]], row),
        Columns([2, 4], matrix[:, [2, 4]]),
    ]
    np.testing.assert_array_equal(trees.raw_of(parts, len(matrix)), trees.raw(whole))


def test_a_row_has_the_same_sum_whatever_rows_are_beside_it(
    matrix: Floats, outcome: Floats
) -> None:
    trees = BoostedTrees.of_number(matrix, outcome + matrix[:, 0], seed=3)
    whole = trees.raw(matrix)
    np.testing.assert_array_equal(trees.raw(matrix[::7]), whole[::7])
    assert trees.raw(matrix[:0]).shape == (0,)
    assert len(np.unique(whole)) > 100


def test_a_tree_with_more_leaves_than_are_looked_up_is_refused(
    matrix: Floats, outcome: Floats
) -> None:
    trees = BoostedTrees.of_outcome(
        matrix, outcome, seed=3, iterations=1, shape={"max_leaf_nodes": 2 * MOST_LEAVES}
    )
    with pytest.raises(ValueError, match="more than 16 leaves"):
        trees.raw(matrix)
