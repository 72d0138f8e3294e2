"""Whether the weights mean what they say, seen from columns that had no part in them.

Belongs here: calibrating the joint weight of the columns that are not independent of each other,
and the threshold that follows from the precision wanted. Does not belong here: the weights.

Names, addresses, e-mail and telephone depend on each other in ways no class of pairs catches, so
their joint weight is too sure or not sure enough. A column that stands apart (a birth date, a
number) shows by how much: it is left out of the weight, pairs are brought together without it, and
among pairs of one weight the share that agrees on it lies between the agreement of matches and
that of others. Where it lies is the share of matches. Nobody has to label anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from cdp_pipeline.identity.score import ComparedPairs, nine_digits

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cdp_pipeline.identity.mixture import Mixture

# Below this weight (log2 odds) no held-out column shows anything: the correction stays as it is.
LOWEST = -8.0
# A column in which strangers agree more often than this cannot tell who is a match.
MOST_CHANCE = 0.1
# Fewer pairs that have a column teach nothing from it.
LEAST_PAIRS = 200
# A column has to speak of pairs of one source, or of two, where so many of the matches are those.
LEAST_SHARE = 0.25
# About so many pairs per column are enough, those that several rules bring counted for each.
PAIRS_PER_COLUMN = 500_000.0
# About so many candidates show between which sources the matches are.
SOME_PAIRS = 100_000
# How far the correction is believed to be from none before data is seen: bits, and slope.
_SPREAD_OF_SHIFT = 2.0
_SPREAD_OF_SLOPE = 0.25
# What is believed of a column's agreement weighs as much as so many pairs.
_BELIEF = 20.0
_ROUNDS = 40
# A wrong link between two records brings the pairs of their clusters along.
WRONG_IN_TOW = 3.0
# At odds of five to two, leaving out two wrong pairs costs five right ones: no precision is worth
# more.
DEAREST = 2.5


class Calibration(BaseModel):
    """A straight line over the joint weight of the shared columns, prior included.

    Attributes
    ----------
    shift, slope
        Calibrated log2 odds are ``shift + slope * odds``.
    columns
        The columns that showed it, with how many pairs had them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    shift: float = 0.0
    slope: float = 1.0
    columns: dict[str, int] = {}

    def of(self, odds: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
        """Return calibrated log2 odds; of the prior's, what a pair without any evidence has."""
        held = np.maximum(odds, LOWEST)
        return np.asarray(self.shift + self.slope * held + (odds - held))


def held_out_columns(mixture: Mixture) -> list[str]:
    """Return the columns that can show whether a pair is a match: apart, and telling."""
    return [
        name
        for name in mixture.apart
        if mixture.agreement["stranger"][mixture.names.index(name)][-1] <= MOST_CHANCE
    ]


def calibrate(
    mixture: Mixture,
    candidates: ComparedPairs,
    compared_without: Callable[[str], ComparedPairs],
    weigh: Callable[[ComparedPairs], NDArray[np.float64]],
) -> Calibration:
    """Learn how the weights of pairs have to be corrected.

    A column that only one of the sources has shows what pairs of that source are: where most
    matches lie between sources, nothing is learnt from it.

    Parameters
    ----------
    candidates
        The pairs that the correction is for.
    compared_without
        Gives pairs that were brought together without a column.
    weigh
        Gives the log2 odds, prior included, of pairs by their shared columns alone.
    """
    samples = []
    candidates = candidates.where(slice(None, None, max(1, len(candidates) // SOME_PAIRS)))
    kinds = _kinds(mixture, candidates)
    likely = 1 / (1 + np.exp2(-np.clip(weigh(candidates), -60, 60)))
    matches_of = np.bincount(kinds, weights=likely, minlength=2)
    spoken_of = matches_of >= LEAST_SHARE * matches_of.sum()
    for name in held_out_columns(mixture):
        place = mixture.names.index(name)
        pairs = compared_without(name)
        pairs = pairs.where(pairs.levels[:, place] >= 0)
        if len(pairs) < LEAST_PAIRS:
            continue
        if (np.bincount(_kinds(mixture, pairs), minlength=2) < LEAST_PAIRS)[spoken_of].any():
            continue
        matches = np.array(mixture.of_matches(place))
        others = np.array(mixture.agreement["stranger"][place])
        sample = _Sample(name, weigh(pairs), pairs.levels[:, place], matches, others)
        if sample.counts.sum() >= LEAST_PAIRS:
            samples.append(sample)
    return _fitted(samples)


def _kinds(mixture: Mixture, pairs: ComparedPairs) -> NDArray[np.int64]:
    """Return of each pair whether it is of one source, 1, or of two, 0."""
    if not mixture.origin:
        return np.ones(len(pairs), dtype=np.int64)
    return pairs.levels[:, mixture.names.index(mixture.origin[0])].astype(np.int64)


class _Sample:
    """The pairs that have one column: binned weights, and how often each level occurs in a bin."""

    def __init__(
        self,
        name: str,
        odds: NDArray[np.float64],
        levels: NDArray[np.int8],
        matches: NDArray[np.float64],
        others: NDArray[np.float64],
    ) -> None:
        self.name, self.matches, self.others = name, matches, others
        self.believed = matches.copy(), others.copy()
        bins = np.clip(np.floor(odds * 4), LOWEST * 4, 80).astype(np.int64) - int(LOWEST * 4)
        inside = odds >= LOWEST
        count = len(matches)
        self.counts = np.bincount(
            bins[inside] * count + levels[inside], minlength=(int(bins.max(initial=0)) + 1) * count
        ).reshape(-1, count)
        self.odds = LOWEST + (np.arange(len(self.counts)) + 0.5) / 4

    def matched(self, shift: float, slope: float) -> NDArray[np.float64]:
        """Return how likely a pair of each bin and level is a match, and learn from it."""
        likely = (1 / (1 + np.exp2(-(shift + slope * self.odds))))[:, None]
        same, other = likely * self.matches, (1 - likely) * self.others
        share: NDArray[np.float64] = same / np.maximum(same + other, 1e-300)
        for place, part in enumerate((share, 1 - share)):
            seen = (self.counts * part).sum(axis=0) + _BELIEF * self.believed[place]
            if place == 0:
                self.matches = seen / seen.sum()
            else:
                self.others = seen / seen.sum()
        return np.asarray((self.counts * share).sum(axis=1))


def _fitted(samples: list[_Sample]) -> Calibration:
    """Fit one line through all samples by expectation maximisation."""
    if not samples:
        return Calibration()
    shift, slope = 0.0, 1.0
    odds = np.concatenate([s.odds for s in samples])
    total = np.concatenate([s.counts.sum(axis=1) for s in samples]).astype(float)
    for _ in range(_ROUNDS):
        matched = np.concatenate([s.matched(shift, slope) for s in samples])
        shift, slope = _logistic(odds, matched, total, shift, slope)
    return Calibration(
        shift=nine_digits(round(shift, 6)),
        slope=nine_digits(round(slope, 6)),
        columns={s.name: int(s.counts.sum()) for s in samples},
    )


def _logistic(
    odds: NDArray[np.float64],
    matched: NDArray[np.float64],
    total: NDArray[np.float64],
    shift: float,
    slope: float,
) -> tuple[float, float]:
    """Return the line after a few Newton steps, held to what is believed of it."""
    bits = np.log(2)
    precision = np.array([1 / _SPREAD_OF_SHIFT**2, 1 / _SPREAD_OF_SLOPE**2])
    for _ in range(4):
        likely = 1 / (1 + np.exp2(-(shift + slope * odds)))
        rest = (matched - total * likely) * bits
        gradient = np.array([rest.sum(), (rest * odds).sum()])
        gradient -= precision * np.array([shift, slope - 1.0])
        spread = total * likely * (1 - likely) * bits**2
        curve = np.array(
            [
                [spread.sum() + precision[0], (spread * odds).sum()],
                [(spread * odds).sum(), (spread * odds**2).sum() + precision[1]],
            ]
        )
        step = np.linalg.solve(curve, gradient)
        shift, slope = shift + float(step[0]), max(slope + float(step[1]), 0.2)
    return shift, slope


def threshold_for(odds: NDArray[np.float64], precision: float) -> float:
    """Return the lowest threshold at which linked pairs are expected to be right often enough.

    Never below even odds, and never where a point of precision costs too many of recall.

    Parameters
    ----------
    odds
        Calibrated log2 odds of candidate pairs.
    precision
        Share of linked pairs that should be of one person.
    """
    steps = np.arange(0.0, np.log2(DEAREST), 0.0625)
    likely = 1 / (1 + np.exp2(-np.clip(odds, -60, 60)))
    order = np.argsort(-odds, kind="stable")
    wrong = np.append(0.0, np.cumsum(1 - likely[order])) * WRONG_IN_TOW
    counts = np.searchsorted(-odds[order], -steps, side="left")
    enough = wrong[counts] <= (1 - precision) * counts
    return float(steps[np.argmax(enough)] if enough.any() else round(np.log2(DEAREST), 4))
