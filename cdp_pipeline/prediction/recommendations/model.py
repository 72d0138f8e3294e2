"""The recommendation model: what scores candidates, its card, and its form as bytes.

Here belong fitting the ranker to labelled candidates and turning candidates into lists. Which of
ranker and fallback is exported is decided in ``trial``, the table is made in ``score``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.calibration import BetaCalibrator
from cdp_pipeline.prediction.recommendations.candidates import Candidates, batches, find_candidates
from cdp_pipeline.prediction.recommendations.past import Past
from cdp_pipeline.prediction.recommendations.purchases import (
    Ints,
    first_rows,
    is_among,
    pair_keys,
)
from cdp_pipeline.prediction.trees import BoostedTrees

FORMAT = 1
# More trees and leaves changed no digit that matters on baskets, and cost time per candidate.
SHAPE = {"learning_rate": 0.1, "max_leaf_nodes": 16}
TREES = 70
# Of candidates that were not bought, enough to learn from; each kept one stands for several.
MOST_ROWS = 250_000


@dataclass(frozen=True)
class Lesson:
    """Candidates of past customers and whether they were bought.

    Attributes
    ----------
    weight
        How many candidates a row stands for: those not bought are thinned out.
    """

    features: Floats
    bought: NDArray[np.bool_]
    weight: Floats

    @classmethod
    def of(cls, past: Past, customers: Ints, bought_keys: Ints, *, rows: int = MOST_ROWS) -> Lesson:
        """Label the candidates of some customers by what they bought afterwards.

        Parameters
        ----------
        bought_keys
            Sorted ``pair_keys`` of what was bought after the day of the past.
        rows
            About how many rows to keep at most; all that were bought are kept.
        """
        parts: list[tuple[Floats, NDArray[np.bool_], Ints]] = []
        for part in batches(past, customers):
            found = find_candidates(past, part)
            keys = pair_keys(found.customer, found.product, past.product_count)
            bought = is_among(keys, bought_keys)
            # candidates per customer are alike, so the first batches tell how many there will be
            share = min(1.0, rows * len(part) / max(len(customers) * len(found), 1))
            kept = bought | (scattered(keys) < share)
            parts.append((found.features()[kept], bought[kept], np.full(kept.sum(), 1.0 / share)))
        if not parts:
            return cls(np.zeros((0, 0)), np.zeros(0, dtype=np.bool_), np.zeros(0))
        features, bought, weight = (np.concatenate(items) for items in zip(*parts, strict=True))
        return cls(features, bought, np.where(bought, 1.0, weight))


def scattered(keys: Ints) -> Floats:
    """Return a number between 0 and 1 for each key, the same on every run (SplitMix64)."""
    with np.errstate(over="ignore"):
        bits = keys.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits = bits ^ (bits >> np.uint64(31))
    return np.asarray((bits >> np.uint64(11)) / 2.0**53)


def fit_ranker(lessons: list[Lesson], *, seed: int) -> BoostedTrees:
    """Learn which candidates are bought."""
    features = np.concatenate([lesson.features for lesson in lessons])
    # a column that is never known cannot be cut into bins
    features[:, ~np.isfinite(features).any(axis=0)] = 0.0
    return BoostedTrees.of_outcome(
        features,
        np.concatenate([lesson.bought for lesson in lessons]).astype(np.float64),
        seed=seed,
        weight=np.concatenate([lesson.weight for lesson in lessons]),
        iterations=TREES,
        shape=SHAPE,
    )


def chance(ranker: BoostedTrees, candidates: Candidates) -> Floats:
    """Return the learned probability of each candidate, not yet calibrated."""
    return _share(ranker.raw_of(candidates.parts, len(candidates)))


def chance_of(ranker: BoostedTrees, features: Floats) -> Floats:
    """Return what ``chance`` does, from the features as a matrix."""
    return _share(ranker.raw(features))


def _share(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


def best_of(candidates: Candidates, score: Floats, most: int) -> tuple[Ints, Ints]:
    """Return the rows with the highest scores of each customer, and their rank from 0.

    Equal scores go by product, so that a list never depends on chance.
    """
    # candidates stand in the order of customer and product, and equals stay in it
    order = np.lexsort((-score, candidates.customer))
    rank = np.arange(len(order)) - first_rows(candidates.customer[order])
    kept = rank < most
    return order[kept], rank[kept]


@dataclass(frozen=True)
class Rate:
    """How often a fallback's product was bought within the horizon, for a group of rows."""

    state: str
    source: str
    rank_from: int
    rank_to: int
    rows: int
    rate: float


@dataclass(frozen=True)
class RecommendationModel:
    """A trained recommendation model.

    Attributes
    ----------
    exported
        ``ranker``, ``fallback`` or ``nothing``.
    horizon_days
        The horizon it was trained for; it scores no other.
    ranker
        The learned ranker, also when the fallback is exported; None when none could be learned.
    calibrator
        From the ranker's probability to one that can be taken at its word.
    rates
        Of the fallback, from the newest judged cut-off.
    card
        The model card, ready for JSON.
    version
        Hash of everything the model holds: equal models have equal versions.
    """

    exported: str
    horizon_days: int
    ranker: BoostedTrees | None = field(repr=False)
    calibrator: BetaCalibrator | None
    rates: list[Rate] = field(repr=False)
    card: dict[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """Twelve hex digits that name this model."""
        body = json.dumps(self._body(), sort_keys=True)
        return hashlib.sha256(body.encode()).hexdigest()[:12]

    def to_bytes(self) -> bytes:
        """Return the model as JSON: nothing in it runs when it is opened."""
        return json.dumps(
            {"version": self.version, **self._body()}, sort_keys=True, separators=(",", ":")
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> RecommendationModel:
        """Undo ``to_bytes``."""
        body = json.loads(data)
        if body.get("format") != FORMAT:
            raise ValueError(
                f"this recommendation model has format {body.get('format')}, this program reads "
                f"{FORMAT}: train it again"
            )
        ranker, calibrator = body["ranker"], body["calibrator"]
        return cls(
            body["exported"],
            body["horizon_days"],
            None if ranker is None else BoostedTrees.from_dict(ranker),
            None if calibrator is None else BetaCalibrator.from_dict(calibrator),
            [Rate(**rate) for rate in body["rates"]],
            body["card"],
        )

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "exported": self.exported,
            "horizon_days": self.horizon_days,
            "ranker": None if self.ranker is None else self.ranker.to_dict(),
            "calibrator": None if self.calibrator is None else self.calibrator.to_dict(),
            "rates": [vars(rate) for rate in self.rates],
            "card": self.card,
        }
