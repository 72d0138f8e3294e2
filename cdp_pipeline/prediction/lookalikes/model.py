"""All audiences' likenesses as they are kept between runs, and the card that tells how good."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from cdp_pipeline.prediction.lookalikes.likeness import Likeness

FORMAT = 1


@dataclass(frozen=True)
class Trained:
    """One audience as it was trained.

    Attributes
    ----------
    status
        ``likeness``, ``spend`` (likeness found no more than spend does), ``not_backtested`` (too
        few became seeds in the past to tell) or ``too_few_seeds`` (refused).
    """

    title: str
    status: str
    because: str
    seeds: int
    likeness: Likeness | None = field(repr=False)
    verdict: dict[str, Any] | None = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        likeness = None if self.likeness is None else self.likeness.to_dict()
        return {**vars(self), "likeness": likeness}

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> Trained:
        """Undo ``to_dict``."""
        likeness = body["likeness"]
        return cls(**{**body, "likeness": likeness and Likeness.from_dict(likeness)})


@dataclass(frozen=True)
class LookalikeModel:
    """Every audience, and the card that tells how good each is."""

    horizon_days: int
    audiences: dict[str, Trained]
    card: dict[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """Twelve hex digits that name this model."""
        return hashlib.sha256(json.dumps(self._body(), sort_keys=True).encode()).hexdigest()[:12]

    def to_bytes(self) -> bytes:
        """Return the model as JSON."""
        return json.dumps(self._body(), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> LookalikeModel:
        """Undo ``to_bytes``."""
        body = json.loads(data)
        audiences = {name: Trained.from_dict(part) for name, part in body["audiences"].items()}
        return cls(body["horizon_days"], audiences, body["card"])

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "horizon_days": self.horizon_days,
            "audiences": {name: part.to_dict() for name, part in self.audiences.items()},
            "card": self.card,
        }
