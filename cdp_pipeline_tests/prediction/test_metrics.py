"""Measures of probabilities, and calibration, on rows checkable by eye."""

from __future__ import annotations

import numpy as np
import pytest

from cdp_pipeline.prediction.calibration import BetaCalibrator
from cdp_pipeline.prediction.metrics import Judge, reliability, tenths


def judge(churned: list[float]) -> Judge:
    return Judge(np.array(churned), np.arange(len(churned)), seed=1)


def test_auc_counts_a_tie_half() -> None:
    measured = judge([1, 0, 1, 0]).measures(np.array([0.9, 0.1, 0.5, 0.5]))
    assert measured["auc"].value == pytest.approx(3.5 / 4)


def test_measures_equal_those_of_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    draws = np.random.default_rng(1)
    score = draws.uniform(0.01, 0.99, 500).round(2)
    churned = (draws.uniform(size=500) < score).astype(float)
    measured = Judge(churned, np.arange(500), seed=1).measures(score)
    assert measured["auc"].value == pytest.approx(roc_auc_score(churned, score))
    assert measured["brier"].value == pytest.approx(brier_score_loss(churned, score))
    assert measured["log_loss"].value == pytest.approx(log_loss(churned, score))
    assert measured["auc"].low < measured["auc"].value < measured["auc"].high


def test_a_score_gains_nothing_on_itself_and_the_interval_has_no_width() -> None:
    gain = judge([1, 0, 1, 0, 1]).auc_gain(np.arange(5.0) / 5, np.arange(5.0) / 5)
    assert (gain.value, gain.low, gain.high) == (0.0, 0.0, 0.0)


def test_rows_of_one_customer_are_resampled_together() -> None:
    churned = np.repeat(np.tile([1.0, 0.0], 5), 20)
    score = np.full(200, 0.8)
    apart = Judge(churned, np.arange(200), seed=1).measures(score)["brier"]
    together = Judge(churned, np.arange(200) // 20, seed=1).measures(score)["brier"]
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_lift_of_the_riskiest_tenth_is_its_churn_over_everybodys() -> None:
    churned = [1.0, 1.0] + [0.0] * 18
    measured = judge(churned).measures(np.linspace(1, 0.05, 20))
    assert measured["lift_at_10_percent"].value == pytest.approx(10.0)


def test_equal_scores_share_a_tenth() -> None:
    assert tenths(np.full(7, 0.3)).tolist() == [6] * 7
    assert tenths(np.arange(10.0)).tolist() == list(range(1, 11))


def test_reliability_accounts_for_every_customer() -> None:
    rows = reliability(np.array([1.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.9]))
    assert sum(row["customers"] for row in rows) == 3


def test_calibration_takes_a_distorted_score_back_to_what_came() -> None:
    draws = np.random.default_rng(2)
    truth = draws.beta(1.0, 2.0, 40_000)
    churned = (draws.uniform(size=40_000) < truth).astype(float)
    # too sure of itself by half
    odds = 1.5 * (np.log(truth) - np.log1p(-truth))
    promised = BetaCalibrator.fit(1 / (1 + np.exp(-odds)), churned).apply(1 / (1 + np.exp(-odds)))
    assert np.abs(promised - truth).mean() < 0.01


def test_calibration_never_turns_a_ranking_round() -> None:
    score = np.linspace(0.05, 0.95, 200)
    promised = BetaCalibrator.fit(score, (score < 0.5).astype(float)).apply(score)
    assert (np.diff(promised) >= 0).all()


def test_calibration_survives_a_single_kind_of_outcome() -> None:
    promised = BetaCalibrator.fit(np.array([0.2, 0.4, 0.6]), np.ones(3)).apply(np.array([0.5]))
    assert 0.5 < promised[0] < 1.0
