"""The life of a trained model: does the new one replace the one that is stored?

Here belongs the rule by which a challenger is promoted, and what the card says about it. How the
two are measured is said where the model is; both are always measured the same way: on the newest
past cut-off whose outcome is known, each customer by the parts of the model that left it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cdp_pipeline.prediction.metrics import Interval

Rule = Literal["better", "not_worse", "always"]


@dataclass(frozen=True)
class Contest:
    """Champion and challenger on the same customers and day.

    Attributes
    ----------
    judged_on
        The cut-off, as text.
    champion, challenger
        Figures of each.
    measure
        The figure that decides.
    gain
        By how much the challenger is better in it, paired; below zero it is worse.
    """

    judged_on: str
    champion: Mapping[str, Interval]
    challenger: Mapping[str, Interval]
    measure: str
    gain: Interval


def first(version: str) -> dict[str, Any]:
    """Return the card's section of a model that had none before it."""
    return {"decision": "first", "because": "no model was stored before", "champion": version}


def replaced(version: str, old: str | None, because: str) -> dict[str, Any]:
    """Return the section of a challenger promoted without a contest."""
    return {"decision": "promoted", "because": because, "champion": version, "replaced": old}


def decided(rule: Rule, contest: Contest, champion: str, challenger: str) -> dict[str, Any]:
    """Return the section after a contest; ``decision`` is promoted or kept.

    Parameters
    ----------
    rule
        ``better``: the challenger must be better; ``not_worse``: not surely worse; ``always``.
    champion, challenger
        Versions of the stored and of the new model.
    """
    gain = contest.gain
    wins = {"better": gain.value > 0, "not_worse": gain.high >= 0, "always": True}[rule]
    said = f"{contest.measure} {gain.value:+.6f} ({gain.low:+.6f} to {gain.high:+.6f})"
    return {
        "decision": "promoted" if wins else "kept",
        "because": f"rule {rule}: the challenger's gain in {said} on {contest.judged_on}",
        "champion": challenger if wins else champion,
        "replaced" if wins else "challenger": champion if wins else challenger,
        "rule": rule,
        "judged_on": contest.judged_on,
        "figures_of_stored": {name: item.to_dict() for name, item in contest.champion.items()},
        "figures_of_new": {name: item.to_dict() for name, item in contest.challenger.items()},
        "gain": gain.to_dict(),
    }
