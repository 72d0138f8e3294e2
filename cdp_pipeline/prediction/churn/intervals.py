"""How far a probability of churn may be off: between customers, and between periods.

Here belong the interval of a single score and the distance of a whole period from what was
promised. Both are used when training and when scoring.
"""

from __future__ import annotations

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.samples import FOLDS

# Student's t for 95 % with five groups left out in turn, and the normal one.
T_95, Z_95 = 2.776, 1.96


# Drift nobody could measure is taken as this, in log odds: .50 may be .38 to .62.
UNKNOWN_DRIFT = 0.25


def spread(by_fold: Floats, drift: float) -> tuple[Floats, Floats, Floats]:
    """Return probability and 95 % interval from the probabilities of each fold left out.

    How much the answer moves when a fifth of the customers is left out tells how well it is known
    (delete-a-group jackknife); how far past periods lay from what was promised is added.
    """
    chance = by_fold.mean(axis=1)
    logits = np.log(by_fold) - np.log1p(-by_fold)
    deviation = logits - logits.mean(axis=1, keepdims=True)
    variance = (FOLDS - 1) / FOLDS * (deviation**2).sum(axis=1)
    half = np.sqrt(T_95**2 * variance + (Z_95 * drift) ** 2)
    middle = np.log(chance) - np.log1p(-chance)
    return chance, 1.0 / (1.0 + np.exp(half - middle)), 1.0 / (1.0 + np.exp(-half - middle))


def shift(score: Floats, churned: Floats) -> float:
    """Return by how much the log odds of a score must move to promise the share that came."""
    wanted = (churned.sum() + 0.5) / (len(churned) + 1.0)
    logits = np.log(score) - np.log1p(-score)
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if (1.0 / (1.0 + np.exp(-logits - middle))).mean() < wanted:
            low = middle
        else:
            high = middle
    return round((low + high) / 2.0, 6)
