"""A trained churn model: what scores, what explains, its card, and its form as bytes.

Here belongs the object that is kept between runs and how it turns features into probabilities.
Making one is in ``train``, the table of scores in ``score``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cdp_pipeline.prediction.bgnbd import Floats
from cdp_pipeline.prediction.churn.intervals import spread
from cdp_pipeline.prediction.churn.learners import Calibrators, Logistic, Members, scores_of
from cdp_pipeline.prediction.churn.reasons import Explainer
from cdp_pipeline.prediction.drift import Reference
from cdp_pipeline.prediction.samples import BASELINES, Population, Samples, design
from cdp_pipeline.prediction.trees import BoostedTrees

FORMAT = 2


@dataclass(frozen=True)
class ChurnModel:
    """A trained churn model: what scores, what explains, and its card.

    Attributes
    ----------
    exported
        ``logistic_and_trees``, a baseline, ``base_rate`` or ``nothing``.
    horizon_days
        The horizon it was trained for; it scores no other.
    reference
        What the customers looked like on the day of training.
    card
        The model card, ready for JSON.
    version
        Hash of everything the model holds: equal models have equal versions.
    """

    exported: str
    baseline: str | None
    horizon_days: int
    population: Population | None
    members: list[Members] = field(repr=False)
    calibrators: dict[str, Calibrators] = field(repr=False)
    drift: dict[str, float]
    explainer: Explainer | None = field(repr=False)
    base_rate: tuple[float, float, float] | None
    reference: Reference = field(repr=False)
    card: dict[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """Twelve hex digits that name this model, whatever became of it later."""
        body = self._body()
        card = {name: part for name, part in body["card"].items() if name != "life"}
        text = json.dumps({**body, "card": card}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def ranks(self) -> bool:
        """Whether the order of its scores was judged on later days, and they differ at all."""
        return self.base_rate is None and bool(self.card.get("judged_rows"))

    def to_bytes(self) -> bytes:
        """Return the model as JSON: nothing in it runs when it is opened."""
        return json.dumps(
            {"version": self.version, **self._body()}, sort_keys=True, separators=(",", ":")
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ChurnModel:
        """Undo ``to_bytes``."""
        body = json.loads(data)
        if body.get("format") != FORMAT:
            raise ValueError(
                f"this churn model has format {body.get('format')}, this program reads {FORMAT}: "
                "train it again"
            )
        population, explainer, rate = body["population"], body["explainer"], body["base_rate"]
        return cls(
            body["exported"],
            body["baseline"],
            body["horizon_days"],
            None if population is None else Population.from_dict(population),
            [
                Members(Logistic.from_dict(pair["logistic"]), BoostedTrees.from_dict(pair["trees"]))
                for pair in body["members"]
            ],
            {name: Calibrators.from_dict(item) for name, item in body["calibrators"].items()},
            body["drift"],
            None if explainer is None else Explainer.from_dict(explainer),
            None if rate is None else (rate[0], rate[1], rate[2]),
            Reference.from_dict(body["reference"]),
            body["card"],
        )

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "exported": self.exported,
            "baseline": self.baseline,
            "horizon_days": self.horizon_days,
            "population": None if self.population is None else self.population.to_dict(),
            "members": [
                {"logistic": pair.logistic.to_dict(), "trees": pair.trees.to_dict()}
                for pair in self.members
            ],
            "calibrators": {name: item.to_dict() for name, item in self.calibrators.items()},
            "drift": self.drift,
            "explainer": None if self.explainer is None else self.explainer.to_dict(),
            "base_rate": self.base_rate,
            "reference": self.reference.to_dict(),
            "card": self.card,
        }

    def predict(self, samples: Samples) -> tuple[Floats, Floats, Floats] | None:
        """Return probability and interval per row of one cut-off; None when there is no score."""
        if self.exported == "nothing":
            return None
        if self.base_rate is not None:
            share, low, high = (np.full(len(samples), value) for value in self.base_rate)
            return share, low, high
        return self._predict(self.exported, samples)

    def predict_held_out(self, samples: Samples) -> Floats | None:
        """Return the probability per row by the part of the model that left its customer out."""
        if self.exported == "nothing":
            return None
        if self.base_rate is not None:
            return np.full(len(samples), self.base_rate[0])
        by_fold = self._by_fold(self.exported, samples)
        return np.asarray(by_fold[np.arange(len(samples)), samples.fold])

    def predict_baseline(self, samples: Samples) -> Floats | None:
        """Return the best baseline's probability per row; None where none was calibrated."""
        return None if self.baseline is None else self._predict(self.baseline, samples)[0]

    def matrix(self, samples: Samples) -> Floats:
        """Return the design matrix of the rows of one cut-off."""
        assert self.population is not None
        return design(
            samples, dict.fromkeys(np.unique(samples.cutoff_on).tolist(), self.population)
        )

    def _predict(self, name: str, samples: Samples) -> tuple[Floats, Floats, Floats]:
        return spread(self._by_fold(name, samples), self.drift[name])

    def _by_fold(self, name: str, samples: Samples) -> Floats:
        """Return a column of probabilities per fold left out."""
        assert self.population is not None
        if name in BASELINES:
            scores = [self.population.baseline(name, samples)]
        else:
            scores = scores_of(self.members, name, self.matrix(samples))
        return self.calibrators[name].apply(scores)
