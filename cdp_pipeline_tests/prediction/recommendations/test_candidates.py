"""Finding the best of many products or neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from cdp_pipeline.prediction.recommendations import candidates


@pytest.mark.parametrize(
    ("width", "most", "zeros", "digits"),
    [
        (749, 20, 0.3, 6),
        (749, 20, 0.99, 6),
        (6_000, 100, 0.5, 3),
        (1_000, 25, 0.0, 1),
        (90, 20, 0.3, 2),
        (100, 25, 0.3, 2),
        (15, 20, 0.3, 2),
    ],
)
def test_the_largest_of_each_row_are_found_and_equals_go_by_column(
    width: int, most: int, zeros: float, digits: int
) -> None:
    draw = np.random.default_rng(width + most)
    scores = np.round(draw.random((60, width)), digits).astype(np.float32)
    scores[draw.random(scores.shape) < zeros] = 0.0
    # rows that are all equal, and rows whose first columns hold everything
    scores[0] = 0.0
    scores[1, most:] = 0.0
    found = candidates._largest(scores, most)
    wanted = np.sort(np.argsort(-scores, axis=1, kind="stable")[:, :most], axis=1)
    np.testing.assert_array_equal(found, wanted)
