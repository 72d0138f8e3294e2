from __future__ import annotations

import numpy as np
import pytest

from cdp_pipeline.identity.calibrate import (
    DEAREST,
    Calibration,
    calibrate,
    held_out_columns,
    threshold_for,
)
from cdp_pipeline.identity.mixture import OTHERS, SAME, Mixture
from cdp_pipeline.identity.score import ComparedPairs


def mixture() -> Mixture:
    """Return classes over a name and a birth date of two levels each."""
    matches, others = [[0.1, 0.9], [0.05, 0.95]], [[0.99, 0.01], [0.999, 0.001]]
    return Mixture(
        names=["given_name", "birth_on"],
        shares=dict.fromkeys((*SAME, *OTHERS), 1 / 7),
        agreement={c: matches if c in SAME else others for c in (*SAME, *OTHERS)},
        by_value={c: [] for c in OTHERS},
        alike={},
        origin=[],
        apart=["birth_on"],
        household=[],
        given_names=["given_name"],
    )


def world(shift: float, slope: float, count: int = 60_000) -> tuple[ComparedPairs, np.ndarray]:
    """Return pairs whose weights are off by a line, with birth dates that know better."""
    dice = np.random.default_rng(4)
    odds = dice.uniform(-8, 12, count)
    match = dice.random(count) < 1 / (1 + np.exp2(-(shift + slope * odds)))
    same = dice.random(count) < np.where(match, 0.95, 0.001)
    levels = np.column_stack([np.ones(count), same]).astype(np.int8)
    numbers = np.arange(count, dtype=np.int32)
    return ComparedPairs(numbers, numbers + 1, levels), odds


@pytest.mark.parametrize(("shift", "slope"), [(0.0, 1.0), (-2.0, 0.8), (2.5, 0.9)])
def test_a_held_out_birth_date_shows_how_far_weights_are_off(shift: float, slope: float) -> None:
    pairs, odds = world(shift, slope)
    found = calibrate(mixture(), pairs, lambda _: pairs, lambda some: odds[some.left])
    assert found.shift == pytest.approx(shift, abs=0.3)
    assert found.slope == pytest.approx(slope, abs=0.1)


def test_too_few_pairs_correct_nothing() -> None:
    pairs, odds = world(-3.0, 1.0, count=50)
    found = calibrate(mixture(), pairs, lambda _: pairs, lambda some: odds[some.left])
    assert found == Calibration()


def test_a_column_that_one_source_has_says_nothing_of_pairs_of_two() -> None:
    pairs, odds = world(-3.0, 1.0)
    with_source = mixture().model_copy(
        update={
            "names": [*mixture().names, "source"],
            "origin": ["source"],
            "agreement": {c: [*a, [0.9, 0.1]] for c, a in mixture().agreement.items()},
        }
    )

    def of_one_source(share: float) -> ComparedPairs:
        same = np.arange(len(pairs)) < share * len(pairs)
        levels = np.column_stack([pairs.levels, same]).astype(np.int8)
        return ComparedPairs(pairs.left, pairs.right, levels)

    def shift(candidates: ComparedPairs, holders: ComparedPairs) -> float:
        return calibrate(
            with_source, candidates, lambda _: holders, lambda some: odds[some.left]
        ).shift

    assert shift(of_one_source(0.5), of_one_source(1.0)) == 0.0
    assert shift(of_one_source(0.5), of_one_source(0.5)) == pytest.approx(-3.0, abs=0.3)
    assert shift(of_one_source(1.0), of_one_source(1.0)) == pytest.approx(-3.0, abs=0.3)


def test_a_column_on_which_strangers_often_agree_is_not_held_out() -> None:
    loose = mixture().model_copy(
        update={"agreement": {c: [[0.5, 0.5], [0.5, 0.5]] for c in (*SAME, *OTHERS)}}
    )
    assert held_out_columns(mixture()) == ["birth_on"]
    assert held_out_columns(loose) == []


def test_far_below_the_threshold_the_correction_no_longer_turns() -> None:
    line = Calibration(shift=-1.0, slope=0.5)
    assert line.of(np.array([-8.0, -18.0])).tolist() == [-5.0, -15.0]


def test_the_threshold_rises_with_the_doubtful_pairs() -> None:
    sure = np.full(1000, 12.0)
    assert threshold_for(sure, 0.99) == 0.0
    doubtful = np.concatenate([sure, np.full(20, 0.5)])
    assert 0.4 < threshold_for(doubtful, 0.99) < 1.0


def test_precision_is_not_bought_at_any_price() -> None:
    assert threshold_for(np.full(1000, 2.5), 0.99) == round(np.log2(DEAREST), 4)
