"""The linkage model: everything training learnt, as JSON.

Belongs here: the model's content, its bytes and its version. Does not belong here: how it is
learnt (``train``) or used (``link``).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from cdp_pipeline.identity.calibrate import Calibration
from cdp_pipeline.identity.mixture import Mixture


class Seen(BaseModel):
    """What a model meets in some data.

    Attributes
    ----------
    nodes, pairs
        Distinct records, and how many of their candidate pairs were looked at.
    filled
        Share of the records that have a value, by compared column.
    levels
        Share of the pairs at each level of agreement, by compared column: missing first, the same
        last.
    linked_pairs_ratio
        Share of the pairs at or above the threshold.
    largest_group_ratio
        Share of the distinct records in the largest group that those pairs tie together; both
        are nothing where the pairs were compared but not weighed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    nodes: int
    pairs: int
    filled: dict[str, float]
    levels: dict[str, list[float]]
    linked_pairs_ratio: float | None = None
    largest_group_ratio: float | None = None


class LinkageModel(BaseModel):
    """A trained linkage model.

    Attributes
    ----------
    settings
        Splink settings with trained m and u; ``splink.Linker`` loads them as they are.
    mixture
        Learnt classes of pairs; nothing when there was too little to learn from.
    calibration
        What to correct the weights by.
    frequencies
        Share of nodes per value, for values held by many, and one share for all others.
    blocking
        Column and expression of each key of each rule.
    exact
        Columns of each exact rule.
    prior
        Probability that two random nodes match, calibrated.
    threshold
        Log2 odds from which two clusters are joined, chosen for the precision wanted.
    trained_on
        The data it was trained on, as the finished model sees them; nothing when it learnt nothing.
    notes
        What training fell back on, in words.
    """

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any]
    mixture: Mixture | None = None
    calibration: Calibration = Calibration()
    frequencies: dict[str, dict[str, Any]]
    blocking: list[list[tuple[str, str]]]
    exact: list[tuple[str, ...]]
    prior: float
    threshold: float
    columns_fingerprint: str
    seed: int
    trained_on: Seen | None = None
    notes: list[str] = []

    @property
    def version(self) -> str:
        """Short hash of the model's content."""
        return hashlib.sha256(self.to_bytes()).hexdigest()[:12]

    def to_bytes(self) -> bytes:
        """Return the model as JSON, keys sorted: equal models are equal bytes."""
        document = self.model_dump(mode="json")
        return json.dumps(document, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> LinkageModel:
        """Read a model written by `to_bytes`."""
        return cls.model_validate_json(data)
