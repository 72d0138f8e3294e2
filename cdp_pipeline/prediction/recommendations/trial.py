"""Is the learned ranking better than the fallback: both judged on what was bought later.

Here belong recall and NDCG of lists, their paired comparison, the rolling trial on past cut-offs
and the rule by which ranker or fallback is exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.calibration import BetaCalibrator
from cdp_pipeline.prediction.metrics import RESAMPLES, Interval
from cdp_pipeline.prediction.recommendations.candidates import (
    FEATURES,
    batches,
    find_candidates,
)
from cdp_pipeline.prediction.recommendations.model import (
    MOST_ROWS,
    Lesson,
    best_of,
    chance,
    chance_of,
    fit_ranker,
)
from cdp_pipeline.prediction.recommendations.past import Past
from cdp_pipeline.prediction.recommendations.purchases import (
    Ints,
    Purchases,
    days_since_1970,
    is_among,
    pair_keys,
)

if TYPE_CHECKING:
    from cdp_pipeline.prediction.samples import Cutoff
    from cdp_pipeline.prediction.trees import BoostedTrees

LIST_LENGTH = 10
# Rows per customer the calibration sees: what is exported, and what may move up for want of stock.
CALIBRATED_LENGTH = 15
# Customers to learn from and to judge on, and how many of them must have bought for a verdict.
LEARNING_CUSTOMERS = 8_000
JUDGING_CUSTOMERS = 5_000
BUYERS_TO_LEARN = 200
BUYERS_TO_JUDGE = 100
# Customers the weight of features is looked at for.
DRIVER_CUSTOMERS = 200
# Newest cut-offs to learn from: tastes change faster than habits of buying at all.
LEARNING_CUTOFFS = 2


@dataclass(frozen=True)
class Recommended:
    """Lists of products, a row per customer and rank from 0."""

    customer: Ints
    product: Ints
    rank: Ints


@dataclass(frozen=True)
class Hits:
    """How well lists met what each customer bought.

    Attributes
    ----------
    customers
        Those who bought something, sorted.
    recall
        Share of what the customer bought that was on the list.
    ndcg
        Discounted gain of the list over that of a list that holds all that was bought.
    """

    customers: Ints
    recall: Floats
    ndcg: Floats

    @classmethod
    def of(cls, lists: Recommended, bought_keys: Ints, product_count: int) -> Hits:
        """Compare lists with the sorted ``pair_keys`` of what was bought."""
        customers, sizes = np.unique(bought_keys // product_count, return_counts=True)
        keys = pair_keys(lists.customer, lists.product, product_count)
        hit = is_among(keys, bought_keys) & (lists.rank < LIST_LENGTH)
        place = np.searchsorted(customers, lists.customer[hit])
        found = np.bincount(place, minlength=len(customers))
        gain = np.bincount(
            place, weights=1.0 / np.log2(lists.rank[hit] + 2.0), minlength=len(customers)
        )
        best = np.cumsum(1.0 / np.log2(np.arange(int(sizes.max(initial=0)) + 1) + 2.0))
        return cls(customers, np.asarray(found / sizes), np.asarray(gain / best[sizes - 1]))

    def among(self, customers: Ints) -> Hits:
        """Keep some customers."""
        rows = np.isin(self.customers, customers)
        return Hits(self.customers[rows], self.recall[rows], self.ndcg[rows])

    def gain_over(self, other: Hits, measure: str, *, seed: int) -> Interval:
        """Return the mean difference to other lists for the same customers, with its interval."""
        return mean_interval(getattr(self, measure) - getattr(other, measure), seed=seed)

    def figures(self, *, seed: int) -> dict[str, Interval]:
        """Return recall and NDCG at ten, with intervals."""
        return {
            "recall_at_10": mean_interval(self.recall, seed=seed),
            "ndcg_at_10": mean_interval(self.ndcg, seed=seed),
        }


def mean_interval(values: Floats, *, seed: int) -> Interval:
    """Return the mean of one value per customer and its 95 % bootstrap interval."""
    if not len(values):
        return Interval(float("nan"), -np.inf, np.inf)
    draws = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES):
        weights = draws.poisson(1.0, len(values))
        drawn.append(weights @ values / max(int(weights.sum()), 1))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def ranked(
    past: Past, ranker: BoostedTrees, customers: Ints, most: int
) -> tuple[Recommended, Floats]:
    """Return the learned lists of some customers and the learned probabilities."""
    parts = []
    for part in batches(past, customers):
        found = find_candidates(past, part)
        score = chance(ranker, found)
        rows, rank = best_of(found, score, most)
        parts.append((found.customer[rows], found.product[rows], rank, score[rows]))
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Recommended(none, none, none), np.zeros(0)
    customer, product, rank, score = (np.concatenate(items) for items in zip(*parts, strict=True))
    return Recommended(customer, product, rank), score


@dataclass(frozen=True)
class Sample:
    """Customers of a past cut-off and what they bought in the horizon after it.

    What a model is judged on, also by whoever compares a stored model with a new one.
    """

    past: Past
    customers: Ints
    bought_keys: Ints

    @classmethod
    def of(
        cls, purchases: Purchases, cutoff: Cutoff, most: int, *, among: Ints | None = None
    ) -> Sample:
        """Draw at most so many active customers, by hash.

        Parameters
        ----------
        among
            Draw from these only, and by another hash than without them.
        """
        day = days_since_1970(cutoff.cutoff_on)
        past = Past.of(purchases, day, cutoff.horizon_days)
        active = np.flatnonzero(past.customers.is_active)
        draw = purchases.draw
        if among is not None:
            active, draw = active[np.isin(active, among)], purchases.other_draw
        if len(active) > most:
            active = np.sort(active[np.lexsort((active, draw[active]))[:most]])
        assert cutoff.label_until_on is not None
        until = days_since_1970(cutoff.label_until_on)
        keys = purchases.bought_between(day, until)
        return cls(past, active, keys[np.isin(keys // purchases.product_count, active)])

    @property
    def buyers(self) -> int:
        """Customers who bought something in the horizon."""
        return len(np.unique(self.bought_keys // max(self.past.product_count, 1)))

    def lesson(self, *, rows: int) -> Lesson:
        """Return the candidates of the customers, labelled."""
        return Lesson.of(self.past, self.customers, self.bought_keys, rows=rows)


def judge(ranker: BoostedTrees, sample: Sample) -> Hits:
    """Return how well a ranker's lists meet what the customers of a sample bought."""
    lists, _ = ranked(sample.past, ranker, sample.customers, LIST_LENGTH)
    return Hits.of(lists, sample.bought_keys, sample.past.product_count)


@dataclass(frozen=True)
class Verdict:
    """What the trial found.

    Attributes
    ----------
    exported
        ``ranker`` or ``fallback``.
    because
        The finding in a sentence.
    measures
        Per candidate: recall and NDCG at ten, with intervals.
    gains
        Of the ranker over the fallback, paired by customer.
    calibrator
        Fitted on rows the ranker had no part in.
    reliability
        Promised and observed share of tenths of the exported rows, before the calibration's own
        rows: the halves of the customers are calibrated by each other.
    drivers
        Recall lost when a feature is shuffled among the candidates.
    """

    exported: str
    because: str
    measures: Mapping[str, Mapping[str, Interval]]
    gains: Mapping[str, Interval]
    calibrator: BetaCalibrator
    reliability: list[dict[str, float]]
    drivers: list[dict[str, Any]]
    buyers: int


def verdict_of(
    ranker: BoostedTrees, sample: Sample, fallback: Recommended, *, seed: int
) -> Verdict:
    """Judge a ranker against the fallback on a sample neither has seen."""
    lists, score = ranked(sample.past, ranker, sample.customers, CALIBRATED_LENGTH)
    count = sample.past.product_count
    learned = Hits.of(lists, sample.bought_keys, count)
    judged = np.isin(fallback.customer, sample.customers)
    fallback = Recommended(
        fallback.customer[judged], fallback.product[judged], fallback.rank[judged]
    )
    plain = Hits.of(fallback, sample.bought_keys, count)
    gains = {
        f"{measure}_at_10": learned.gain_over(plain, measure, seed=seed)
        for measure in ("recall", "ndcg")
    }
    gain = gains["recall_at_10"]
    said = f"recall at 10 {gain.value:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
    if gain.low > 0:
        exported, because = "ranker", f"the learned ranking beats the fallback: {said}"
    else:
        exported, because = (
            "fallback",
            (
                f"the learned ranking is not surely better than the fallback ({said}), "
                "exported the fallback instead"
            ),
        )
    bought = is_among(pair_keys(lists.customer, lists.product, count), sample.bought_keys)
    return Verdict(
        exported,
        because,
        {"ranker": learned.figures(seed=seed), "fallback": plain.figures(seed=seed)},
        gains,
        BetaCalibrator.fit(score, bought.astype(np.float64)),
        _reliability(lists.customer, score, bought),
        _drivers(ranker, sample, seed=seed),
        len(learned.customers),
    )


def _reliability(
    customer: Ints, score: Floats, bought: NDArray[np.bool_]
) -> list[dict[str, float]]:
    """Return promised and observed share, each half of the customers calibrated by the other."""
    from cdp_pipeline.prediction.metrics import reliability

    promised = np.array(score)
    half = customer % 2 == 0
    for rows in (half, ~half):
        if rows.any() and (~rows).any():
            promised[rows] = BetaCalibrator.fit(score[~rows], bought[~rows] * 1.0).apply(
                score[rows]
            )
    return reliability(bought.astype(np.float64), promised)


def _drivers(ranker: BoostedTrees, sample: Sample, *, seed: int) -> list[dict[str, Any]]:
    """Return how much recall is lost when a feature is shuffled among the candidates."""
    part = sample.customers[:DRIVER_CUSTOMERS]
    if not len(part):
        return []
    found = find_candidates(sample.past, part)
    features = found.features()
    order = np.random.default_rng(seed).permutation(len(found))
    count = sample.past.product_count

    def recall() -> float:
        rows, rank = best_of(found, chance_of(ranker, features), LIST_LENGTH)
        lists = Recommended(found.customer[rows], found.product[rows], rank)
        keys = sample.bought_keys
        keys = keys[np.isin(keys // count, part)]
        return float(Hits.of(lists, keys, count).recall.mean()) if len(keys) else 0.0

    whole = recall()
    lost = []
    for column, name in enumerate(FEATURES):
        kept = features[:, column].copy()
        features[:, column] = kept[order]
        lost.append({"driver": name, "recall_lost": round(whole - recall(), 6)})
        features[:, column] = kept
    return sorted(lost, key=lambda item: (-float(item["recall_lost"]), str(item["driver"])))


def fit_on(samples: list[Sample], *, seed: int) -> BoostedTrees | None:
    """Learn a ranker from past cut-offs; None when there is nothing to tell apart."""
    lessons = [sample.lesson(rows=MOST_ROWS // len(samples)) for sample in samples]
    lessons = [lesson for lesson in lessons if len(lesson.bought)]
    bought = sum(int(lesson.bought.sum()) for lesson in lessons)
    if bought == 0 or bought == sum(len(lesson.bought) for lesson in lessons):
        return None
    return fit_ranker(lessons, seed=seed)
