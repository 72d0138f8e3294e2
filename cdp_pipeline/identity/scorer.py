"""Scoring candidate pairs with a trained model, a bounded number at a time.

Belongs here: comparing pairs and weighing what agrees, and leaving out early what no rare name
could save. Does not belong here: which pairs are candidates (``blocking``), what a level is worth
(``mixture``).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from cdp_pipeline.identity.blocking import Pairs
from cdp_pipeline.identity.mixture import evidence
from cdp_pipeline.identity.score import (
    ComparedPairs,
    codes_of,
    compare_pairs,
    joined_pairs,
    log2_odds,
    node_frequencies,
)
from cdp_pipeline.identity.sql import threads_of

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from cdp_pipeline.identity.mixture import Mixture
    from cdp_pipeline.identity.model import LinkageModel

# Pairs compared at once: it bounds memory, and each round reads all nodes.
PAIRS_AT_ONCE = 4_000_000
# Pairs weighed at once: it keeps what is worked on near the processor.
_WEIGHED_AT_ONCE = 200_000
# A pattern is left out when even the rarest values would leave it so far (log2) under what is
# asked for: rarer names change what other columns say by less than that.
MARGIN = 6.0


class Scorer:
    """Compares and weighs pairs of the nodes at hand.

    Parameters
    ----------
    con
        Connection with ``identity_nodes``.
    model
        A model that has learnt classes of pairs.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, model: LinkageModel) -> None:
        if model.mixture is None:
            raise ValueError("a model that has learnt nothing cannot score")
        self._con, self._model = con, model
        self._threads = threads_of(con)
        self._mixture: Mixture = model.mixture
        self._frequencies = node_frequencies(con, model.frequencies)
        self._rarest = {
            name: np.array([np.log2(min([learnt["rest"], *learnt["values"].values()]))])
            for name, learnt in model.frequencies.items()
        }

    def look_again(self) -> None:
        """Take notice of nodes that have come into ``identity_nodes``."""
        node_frequencies(self._con, self._model.frequencies, self._frequencies)

    @property
    def frequencies(self) -> dict[str, NDArray[np.float64]]:
        """What `node_frequencies` gives for these nodes and this model."""
        return self._frequencies

    def scored(
        self, candidates: Pairs, least: float = -np.inf
    ) -> tuple[ComparedPairs, NDArray[np.float64]]:
        """Return the pairs and their evidence, as `evidence` gives it.

        Parameters
        ----------
        least
            Pairs that cannot have so much (log2 odds, prior included) are left out.
        """
        found = []
        for begin in range(0, max(len(candidates), 1), PAIRS_AT_ONCE):
            part = slice(begin, begin + PAIRS_AT_ONCE)
            some = Pairs(candidates.left[part], candidates.right[part])
            found.append(self.weighed(compare_pairs(self._con, self._model.settings, some), least))
        return (
            joined_pairs([pairs for pairs, _ in found]),
            np.concatenate([parts for _, parts in found]),
        )

    def weighed(
        self, pairs: ComparedPairs, least: float = -np.inf
    ) -> tuple[ComparedPairs, NDArray[np.float64]]:
        """Return compared pairs and their evidence, as `scored` does."""
        if np.isfinite(least):
            pairs = pairs.where(self._can_reach(pairs.levels, least))
        return pairs, self._evidence(self._frequencies, pairs)

    def _can_reach(self, levels: NDArray[np.int8], least: float) -> NDArray[np.bool_]:
        """Return which pairs would have the least odds if all that agrees were as rare as can be.

        Pairs are few patterns: each is weighed once.
        """
        _, first, pattern = np.unique(codes_of(levels), return_index=True, return_inverse=True)
        nobody = np.zeros(len(first), dtype=np.int32)
        parts = self._evidence(self._rarest, ComparedPairs(nobody, nobody, levels[first]))
        odds = np.nansum(parts, axis=1) + log2_odds(self._model.prior)
        return np.asarray((odds >= least - MARGIN)[pattern])

    def _evidence(
        self, frequencies: dict[str, NDArray[np.float64]], pairs: ComparedPairs
    ) -> NDArray[np.float64]:
        model = self._model

        def part(begin: int) -> NDArray[np.float64]:
            some = pairs.where(slice(begin, begin + _WEIGHED_AT_ONCE))
            return evidence(self._mixture, model.settings, frequencies, some, model.calibration)

        with ThreadPoolExecutor(self._threads) as pool:
            begins = range(0, max(len(pairs), 1), _WEIGHED_AT_ONCE)
            return np.concatenate(list(pool.map(part, begins)))


def odds_of(parts: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """Return the log2 odds that each pair matches, prior included, on a grid of 1e-6."""
    return np.asarray(np.round((np.nansum(parts, axis=1) + log2_odds(prior)) * 1e6) / 1e6)
