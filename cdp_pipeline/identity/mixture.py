"""Who else could it be: agreement patterns of the same person, of a household and of strangers.

Belongs here: the classes of pairs, and the evidence of a pair under what was learnt of them. Does
not belong here: learning that (``classes``), comparing (``score``) or linking (``link``).

Fellegi and Sunter know two kinds of pairs, matches and random others. Customer records hold a
third: two people who live together agree on family name, address, telephone and e-mail, and the sum
of those outweighs a different first name. So the others are split into strangers, namesakes
anywhere and in one town, neighbours and members of one household, and matches into those who
stayed and those who moved. What belongs to a person (given name, birth date, gender, numbers) is
as likely to agree within a household as among strangers; what a household shares is learnt for
each class. Within a class columns are independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from cdp_pipeline.identity.score import ComparedPairs, level_count, log2_odds, slip_levels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cdp_pipeline.identity.calibrate import Calibration

SAME = ("stayed", "moved")
OTHERS = ("stranger", "namesake", "local_namesake", "household", "neighbour", "townsman")


class Mixture(BaseModel):
    """Learnt classes of pairs.

    Attributes
    ----------
    names
        The compared columns.
    shares
        Share of all pairs in each class.
    agreement
        Per class and column, the probability of each level (highest index is "same").
    by_value
        Per class, the columns in which agreement is as rare as the value.
    alike
        Per column, the classes in which it is rarer or likelier than the value's frequency by a
        learnt factor.
    origin
        Columns that say where a record is from.
    apart
        Columns whose evidence is pooled by itself: one pair that has them says what ten that lack
        them cannot.
    household
        Columns declared to be shared by households.
    given_names
        Columns that hold given names.
    area
        Columns that say where somebody lives and that many people share.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: list[str]
    shares: dict[str, float]
    agreement: dict[str, list[list[float]]]
    by_value: dict[str, list[str]]
    alike: dict[str, list[str]]
    origin: list[str]
    apart: list[str]
    household: list[str]
    given_names: list[str]
    area: list[str] = []

    @property
    def prior(self) -> float:
        """Probability that two random records are one person."""
        return sum(self.shares[c] for c in SAME)

    def of_matches(self, position: int) -> list[float]:
        """Return the probability of each level of a column among matches."""
        mixed = sum(
            np.array(self.agreement[c][position]) * self.shares[c] / self.prior for c in SAME
        )
        return [float(x) for x in np.asarray(mixed)]


def evidence(
    mixture: Mixture,
    settings: dict[str, Any],
    frequencies: dict[str, NDArray[np.float64]],
    pairs: ComparedPairs,
    calibration: Calibration,
) -> NDArray[np.float64]:
    """Return the log2 likelihood ratio of each pair, one person against anybody else, in parts.

    One column of the result per part of `parts_of`: what it adds to all before it, so that the
    parts add up to the whole. Not a number where a part says nothing: its values are missing.
    """
    names = mixture.names
    groups = parts_of(mixture)
    parts = np.empty((len(pairs), len(groups)), dtype=np.float64)
    logs = {c: np.full(len(pairs), np.log2(mixture.shares[c])) for c in (*SAME, *OTHERS)}
    # However much two people share a home, an address book or a telephone: where their given names
    # differ, that does not make them one.
    differ = np.zeros(len(pairs), dtype=bool)
    for i in (i for i, n in enumerate(names) if n in mixture.given_names):
        differ |= pairs.levels[:, i] == 0
    prior = np.float64(log2_odds(mixture.prior))
    before = np.zeros(len(pairs))
    highest = np.full(len(pairs), np.inf)
    for place, group in enumerate(groups):
        for i in group:
            for c in logs:
                logs[c] = logs[c] + _log2_of_column(mixture, c, i, settings, frequencies, pairs)
        after = _same_against_others(mixture, logs)
        if names[group[0]] in mixture.apart:
            parts[:, place] = after - before
            before = after
        else:
            if names[group[0]] not in mixture.household:
                highest = np.where(differ, after, np.inf)
            held = np.minimum(after, highest)
            parts[:, place] = calibration.of(held + prior) - calibration.of(before + prior)
            last = place == len(groups) - 1 or names[groups[place + 1][0]] in mixture.apart
            before = after if last else held
        parts[(pairs.levels[:, group] < 0).all(axis=1), place] = np.nan
    return np.asarray(np.round(parts * 1e6) / 1e6)


def parts_of(mixture: Mixture) -> list[list[int]]:
    """Return the positions of the columns of each part of the evidence, in the order they add up.

    Columns that are missing together and that several records of one person repeat form a part:
    names, where somebody lives, and then each contact and each personal column by itself.
    """
    shared = [i for i, n in enumerate(mixture.names) if n not in mixture.apart]
    common = [i for i in shared if mixture.names[i] not in mixture.household]
    area = [i for i in common if mixture.names[i] in mixture.area]
    names = [i for i in common if i not in area]
    origin = [i for i in names if mixture.names[i] in mixture.origin]
    groups = [origin, [i for i in names if i not in origin], area]
    groups += [[i] for i in shared if i not in common]
    groups += [[i] for i, n in enumerate(mixture.names) if n in mixture.apart]
    return [group for group in groups if group]


def shared_only(mixture: Mixture, pairs: ComparedPairs) -> ComparedPairs:
    """Return the pairs as if the columns that stand apart were missing."""
    levels = pairs.levels.copy()
    levels[:, [i for i, n in enumerate(mixture.names) if n in mixture.apart]] = -1
    return ComparedPairs(pairs.left, pairs.right, levels)


def _log2_of_column(
    mixture: Mixture,
    name: str,
    position: int,
    settings: dict[str, Any],
    frequencies: dict[str, NDArray[np.float64]],
    pairs: ComparedPairs,
) -> NDArray[np.float64]:
    """Return log2 of the probability of each pair's level of one column in one class."""
    levels = pairs.levels[:, position]
    found = np.append(np.log2(mixture.agreement[name][position]), 0.0)[levels]
    column = mixture.names[position]
    by_value = name in mixture.alike.get(column, []) or column in mixture.by_value.get(name, [])
    if by_value and column in frequencies:
        exact = level_count(settings["comparisons"][position]) - 1
        same = np.flatnonzero(levels == exact)
        found[same] = frequencies[column][pairs.left[same]]
        if name in mixture.alike.get(column, []):
            stranger = mixture.agreement["stranger"][position][exact]
            factor = np.log2(mixture.agreement[name][position][exact] / stranger)
            found[same] = np.minimum(found[same] + factor, 0.0)
        # A slip seldom makes another common name: two common ones are two names.
        slips = np.flatnonzero(np.isin(levels, slip_levels(settings["comparisons"][position])))
        rarer = np.minimum(
            frequencies[column][pairs.left[slips]], frequencies[column][pairs.right[slips]]
        )
        found[slips] += np.maximum(rarer - frequencies[column].min(), 0)
    return np.asarray(found)


def _same_against_others(
    mixture: Mixture, logs: dict[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the log2 likelihood ratio of one person against others, from the joint logs."""
    same = _logsumexp2([logs[c] for c in SAME]) - np.log2(mixture.prior)
    other = _logsumexp2([logs[c] for c in OTHERS]) - np.log2(1 - mixture.prior)
    return np.asarray(same - other)


def _logsumexp2(logs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    total = logs[0]
    for other in logs[1:]:
        highest = np.maximum(total, other)
        total = highest + np.log2(1 + np.exp2(np.minimum(total, other) - highest))
    return total
