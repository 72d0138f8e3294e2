"""Who else could it be: agreement patterns of the same person, of a household and of strangers.

Belongs here: the classes of pairs, what each is likely to agree on, learning that from the levels
of the candidate pairs, and the evidence of a pair under it. Does not belong here: comparing
(``score``) or linking (``link``).

Fellegi and Sunter know two kinds of pairs, matches and random others. Customer records hold a
third: two people who live together agree on family name, address, telephone and e-mail, and the sum
of those outweighs a different first name. So the others are split into strangers, neighbours and
members of one household, and matches into those who stayed and those who moved. What belongs to a
person (given name, birth date, gender, numbers) is as likely to agree within a household as among
strangers; what a household shares is learnt for each class. Within a class columns are
independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from cdp_pipeline.identity.comparisons import SLIPS
from cdp_pipeline.identity.score import ComparedPairs, level_count, level_shares, nine_digits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cdp_pipeline.identity.columns import IdentityColumns

SAME = ("stayed", "moved")
OTHERS = ("stranger", "namesake", "household", "neighbour")
# Kinds that differ between the people of one household.
_PERSONAL = ("given_name", "date", "category", "identifier")
# Kinds in which namesakes are alike: people of one country or culture share names more often than
# chance says, and an e-mail address is made of a name.
_NAMES = ("given_name", "family_name", "full_name", "email")
# Kinds that say where somebody lives.
_PLACE = ("address", "postcode", "text")
# What is believed before the data weighs as much as so many pairs.
BELIEF = 20.0
ROUNDS = 60
_TINY = 1e-9


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
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: list[str]
    shares: dict[str, float]
    agreement: dict[str, list[list[float]]]
    by_value: dict[str, list[str]]
    alike: dict[str, list[str]]

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


def is_personal(columns: IdentityColumns, name: str) -> bool:
    """Return whether the people of one household differ in a column."""
    column = columns.columns[name]
    return column.kind in _PERSONAL and column.shared_by != "household"


def _classes_that_differ(columns: IdentityColumns, name: str) -> list[tuple[str, ...]]:
    """Return the classes in which a column is learnt; in the others it agrees by chance."""
    kind = columns.columns[name].kind
    place = kind in _PLACE and not is_personal(columns, name)
    learnt: list[tuple[str, ...]] = [("stayed",), ("moved",)] if place else [SAME]
    if place:
        learnt.append(("neighbour",))
    if kind in _NAMES:
        learnt.append(("namesake",))
    if not is_personal(columns, name):
        learnt.append(("household",))
    return learnt


def learn_mixture(
    settings: dict[str, Any],
    believed: dict[str, Any],
    columns: IdentityColumns,
    pairs: ComparedPairs,
    all_pairs: float,
) -> Mixture:
    """Learn the classes from the levels of the candidate pairs.

    The pairs that no blocking rule brought are taken for strangers.

    Parameters
    ----------
    settings
        With u, and the m to start from.
    believed
        The same settings with the m believed before any data: what is never seen is as rare as
        a few pairs of that belief among all, not impossible.
    columns
        What is declared of the columns.
    pairs
        Candidate pairs.
    all_pairs
        How many pairs there are in all.
    """
    names = [c["output_column_name"] for c in settings["comparisons"]]
    patterns, counts = _patterns(pairs.levels)
    first = _classes(settings, settings, columns, names)
    start = _classes(believed, settings, columns, names)
    expected = {"stayed": 5.0, "moved": 1.0, "namesake": 5.0, "household": 3.0, "neighbour": 10.0}
    share = len(pairs) / all_pairs / 100
    shares = {c: max(e * share, _TINY) for c, e in expected.items()}
    shares["stranger"] = 1 - sum(shares.values())
    agreement = {c: [levels.copy() for levels in first[c]] for c in first}
    learnt_in = {n: _classes_that_differ(columns, n) for n in names}
    for _ in range(ROUNDS):
        weight = _responsibilities(patterns, shares, agreement) * counts[:, None]
        for position, levels in enumerate(patterns.T):
            _update(agreement, start, weight, levels, position, learnt_in[names[position]])
        sums = weight.sum(axis=0) / all_pairs
        shares = {c: max(float(s), _TINY) for c, s in zip((*SAME, *OTHERS), sums, strict=True)}
        shares["stranger"] = 1 - sum(s for c, s in shares.items() if c != "stranger")
    return Mixture(
        names=names,
        shares={c: nine_digits(s) for c, s in shares.items()},
        agreement={
            c: [[nine_digits(p) for p in levels] for levels in agreement[c]] for c in agreement
        },
        by_value={c: [n for n in names if (c,) not in learnt_in[n]] for c in OTHERS},
        alike={n: ["namesake"] for n in names if ("namesake",) in learnt_in[n]},
    )


def evidence(
    mixture: Mixture,
    settings: dict[str, Any],
    frequencies: dict[str, NDArray[np.float64]],
    pairs: ComparedPairs,
) -> NDArray[np.float64]:
    """Return the log2 likelihood ratio of each pair, one person against anybody else, in parts.

    One column of the result per part: first what households share, taken together, then each
    personal column by itself. Not a number where a part says nothing: a value is missing.
    """
    personal = [
        i for i, n in enumerate(mixture.names) if all(n in mixture.by_value[c] for c in OTHERS)
    ]
    shared = [i for i in range(len(mixture.names)) if i not in personal]
    parts = np.empty((len(pairs), 1 + len(personal)), dtype=np.float64)
    logs = {
        c: sum(
            (_log2_of_column(mixture, c, i, settings, frequencies, pairs) for i in shared),
            np.zeros(len(pairs)),
        )
        for c in (*SAME, *OTHERS)
    }
    same = _logsumexp2([logs[c] for c in SAME], [mixture.shares[c] / mixture.prior for c in SAME])
    other = _logsumexp2(
        [logs[c] for c in OTHERS], [mixture.shares[c] / (1 - mixture.prior) for c in OTHERS]
    )
    parts[:, 0] = same - other
    for place, i in enumerate(personal, start=1):
        parts[:, place] = _log2_of_column(
            mixture, "stayed", i, settings, frequencies, pairs
        ) - _log2_of_column(mixture, "stranger", i, settings, frequencies, pairs)
        parts[pairs.levels[:, i] < 0, place] = np.nan
    return np.asarray(np.round(parts * 1e6) / 1e6)


def _patterns(levels: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return the distinct rows of levels and how often each occurs."""
    packed = np.ascontiguousarray(levels).view(f"V{levels.shape[1]}").ravel()
    distinct, counts = np.unique(packed, return_counts=True)
    return distinct.view(np.int8).reshape(-1, levels.shape[1]), counts


def _classes(
    matches: dict[str, Any], chance: dict[str, Any], columns: IdentityColumns, names: list[str]
) -> dict[str, list[NDArray[np.float64]]]:
    """Return what to expect of each class, from the m of one and the u of other settings."""
    start: dict[str, list[NDArray[np.float64]]] = {c: [] for c in (*SAME, *OTHERS)}
    for c, d, name in zip(matches["comparisons"], chance["comparisons"], names, strict=True):
        m, u = level_shares(c, "m_probability"), level_shares(d, "u_probability")
        kind = columns.columns[name].kind
        personal = is_personal(columns, name)
        place = kind in _PLACE
        start["stayed"].append(m)
        start["moved"].append(0.1 * m + 0.9 * u if place and not personal else m)
        start["stranger"].append(u)
        start["namesake"].append(_alike(m, u, kind))
        start["household"].append(u if personal else 0.7 * m + 0.3 * u)
        start["neighbour"].append(0.7 * m + 0.3 * u if place and not personal else u)
    return start


def _alike(m: NDArray[np.float64], u: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Return what to expect of namesakes: names agree, addresses made of names are similar."""
    if kind not in _NAMES:
        return u
    alike = 0.3 * m + 0.7 * u
    if kind == "email":
        alike[-1] = u[-1]
    return np.asarray(alike / alike.sum())


def _responsibilities(
    patterns: NDArray[np.int8],
    shares: dict[str, float],
    agreement: dict[str, list[NDArray[np.float64]]],
) -> NDArray[np.float64]:
    """Return how likely each pattern comes from each class."""
    logs = np.empty((len(patterns), len(shares)))
    for place, c in enumerate((*SAME, *OTHERS)):
        total = np.full(len(patterns), np.log(max(shares[c], _TINY)))
        for position, probabilities in enumerate(agreement[c]):
            # The last entry stands for a missing value, which says nothing.
            total += np.append(np.log(probabilities), 0.0)[patterns[:, position]]
        logs[:, place] = total
    logs -= logs.max(axis=1, keepdims=True)
    likely = np.exp(logs)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _update(
    agreement: dict[str, list[NDArray[np.float64]]],
    start: dict[str, list[NDArray[np.float64]]],
    weight: NDArray[np.float64],
    levels: NDArray[np.int8],
    position: int,
    groups: list[tuple[str, ...]],
) -> None:
    """Re-estimate one column in each group of classes."""
    classes = (*SAME, *OTHERS)
    present = levels >= 0
    for group in groups:
        belief = start[group[0]][position]
        mine = weight[:, [classes.index(c) for c in group]].sum(axis=1)
        counts = np.bincount(levels[present], weights=mine[present], minlength=len(belief))
        learnt = counts + BELIEF * belief
        for c in group:
            agreement[c][position] = np.maximum(learnt / learnt.sum(), _TINY)


def slip_levels(c: dict[str, Any]) -> list[int]:
    """Return the levels of a comparison at which the values differ by slips."""
    levels = [level for level in c["comparison_levels"] if not level.get("is_null_level")]
    return [
        value for value, level in enumerate(reversed(levels)) if level["label_for_charts"] in SLIPS
    ]


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


def _logsumexp2(logs: list[NDArray[np.float64]], weights: list[float]) -> NDArray[np.float64]:
    stacked = np.stack([x + np.log2(max(w, _TINY)) for x, w in zip(logs, weights, strict=True)])
    highest = stacked.max(axis=0)
    return np.asarray(highest + np.log2(np.exp2(stacked - highest).sum(axis=0)))
