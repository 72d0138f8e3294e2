"""Whether a linkage model may be used: training can go wrong without an error.

Belongs here: the signs of a degenerate model, read from the model itself, and the model that is
left without it. Does not belong here: whether the data moved on since (``fit``).

Expectation maximisation finds two kinds of pairs in any data. Where there are no duplicates, or
where a column means something else in each source, what it finds are not persons.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cdp_pipeline.identity.calibrate import Calibration
from cdp_pipeline.identity.model import LinkageModel
from cdp_pipeline.identity.score import level_shares

# Agreement worth less than so many bits says that two records are of different people.
CONTRADICTS = -0.5
# Some column must be worth so many bits where it agrees, or nobody can be told from anybody.
TELLING = 3.0
# Records of one person agree so often in some column.
LEAST_AGREEMENT = 0.1
# More than every second pair of records is never of one person.
HIGHEST_PRIOR = 0.5
# No customer holds every second record, once there are so many records.
LARGEST_GROUP, RECORDS_TO_JUDGE = 0.5, 100


def faults(model: LinkageModel) -> list[str]:
    """Return what is wrong with a trained model, in words; nothing when it is sound.

    A model that holds exact rules only has nothing to be wrong.
    """
    if model.mixture is None or model.trained_on is None:
        return []
    return [*_faults_of_columns(model, model.mixture.origin), *_faults_of_links(model)]


def _faults_of_columns(model: LinkageModel, origin: list[str]) -> list[str]:
    same, worth = {}, {}
    for c in model.settings["comparisons"]:
        name = c["output_column_name"]
        same[name] = float(level_shares(c, "m_probability")[-1])
        worth[name] = math.log2(same[name] / float(level_shares(c, "u_probability")[-1]))
    found = [
        f"{name}: records of one person agree less often than any two records"
        for name, bits in worth.items()
        if bits < CONTRADICTS and name not in origin
    ]
    if max(worth.values()) < TELLING:
        found.append("no column tells one person from another")
    if max(same.values()) < LEAST_AGREEMENT:
        found.append("records of one person hardly ever agree in any column")
    return found


def _faults_of_links(model: LinkageModel) -> list[str]:
    seen = model.trained_on
    assert seen is not None
    found = []
    pairs = model.prior * seen.nodes * (seen.nodes - 1) / 2
    if model.prior > HIGHEST_PRIOR:
        found.append("it takes every second pair of records for one person")
    if pairs < 1:
        found.append("it expects no two records to be of one person")
    if seen.linked_pairs_ratio == 0:
        found.append(f"no pair of records reaches the threshold of {model.threshold:g}")
    if seen.nodes >= RECORDS_TO_JUDGE and (seen.largest_group_ratio or 0) > LARGEST_GROUP:
        found.append("it links every second record into one group")
    return found


def usable(
    trained: LinkageModel, wrong: Sequence[str], stored: LinkageModel | None
) -> LinkageModel:
    """Return the model to use: the trained one if nothing is wrong with it.

    Otherwise the stored one, if it knows the same columns and is sound itself, else the exact
    rules alone.
    """
    if not wrong:
        return trained
    same = stored is not None and stored.columns_fingerprint == trained.columns_fingerprint
    if stored is not None and same and stored.mixture is not None and not faults(stored):
        return stored
    return exact_only(trained, f"what was learnt is refused ({'; '.join(wrong)})")


def exact_only(model: LinkageModel, why: str) -> LinkageModel:
    """Return the model with what it learnt taken out: its exact rules, and the note that says why.

    Parameters
    ----------
    why
        Becomes a note.
    """
    return model.model_copy(
        update={
            "settings": {**model.settings, "comparisons": []},
            "mixture": None,
            "calibration": Calibration(),
            "frequencies": {},
            "blocking": [],
            "prior": 1e-4,
            "threshold": 0.0,
            "trained_on": None,
            "notes": [*model.notes, f"{why}: only the exact rules link"],
        }
    )
