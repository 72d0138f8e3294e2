"""BG/NBD, MBG/NBD and Gamma-Gamma against published figures, simulation and their own limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp_pipeline.prediction.bgnbd import BetaGeometricNBD, NotEnoughDataError
from cdp_pipeline.prediction.gamma_gamma import GammaGamma

PUBLISHED = {"r": 0.2426, "alpha": 4.4135, "a": 0.7929, "b": 2.4258}


def simulated(customers: int, horizon: float, *, modified: bool, seed: int) -> dict[str, Any]:
    """Return x, t_x, T and later purchases of customers who behave as the model says."""
    draws = np.random.default_rng(seed)
    observed = draws.uniform(20.0, 60.0, customers)
    rate = draws.gamma(0.8, 1 / 6.0, customers)
    stop = draws.beta(0.9, 3.0, customers)
    x, t_x, later = (np.zeros(customers) for _ in range(3))
    alive = draws.uniform(size=customers) >= stop if modified else np.ones(customers, dtype=bool)
    now = np.zeros(customers)
    while alive.any():
        now = now + draws.exponential(1.0 / rate)
        alive &= now <= observed + horizon
        early = alive & (now <= observed)
        x[early] += 1
        t_x[early] = now[early]
        later[alive & ~early] += 1
        alive &= draws.uniform(size=customers) >= stop
    return {"x": x, "t_x": t_x, "T": observed, "later": later}


@pytest.fixture(scope="module")
def cdnow(datasets: Path) -> Any:
    return duckdb.sql(
        f"""
        with days as (
            select master_customer_id as customer, cast(date as date) as day_on,
                cast(sum(dollar_value) as double) as amount
            from read_csv('{datasets / "cdnow" / "cdnow_sample.csv"}') group by all
        ),
        ranked as (
            select *, min(day_on) over (partition by customer) as first_on,
                row_number() over (partition by customer order by day_on) as position
            from days
        )
        select
            cast(count(*) filter (where day_on <= '1997-09-30') - 1 as double) as x,
            cast(max(day_on) filter (where day_on <= '1997-09-30') - first_on as double) / 7 as t_x,
            cast(date '1997-09-30' - first_on as double) / 7 as T,
            cast(count(*) filter (where day_on > '1997-09-30') as double) as later,
            avg(amount) filter (where day_on <= '1997-09-30' and position > 1) as mean_repeat
        from ranked group by customer, first_on order by customer
        """
    ).fetchnumpy()


def test_bg_nbd_finds_the_published_parameters_of_cdnow(cdnow: Any) -> None:
    model = BetaGeometricNBD(modified=False).fit(cdnow["x"], cdnow["t_x"], cdnow["T"])
    for name, value in PUBLISHED.items():
        assert getattr(model, f"{name}_") == pytest.approx(value, abs=0.001)
    assert model.log_likelihood_ == pytest.approx(-9582.43, abs=0.01)
    expected = model.expected_purchases(cdnow["x"], cdnow["t_x"], cdnow["T"], 39.0)
    assert np.corrcoef(expected, cdnow["later"])[0, 1] >= 0.625
    assert model.parameter_status_ == "interior"


def test_gamma_gamma_finds_the_published_parameters_of_cdnow(cdnow: Any) -> None:
    repeaters = cdnow["x"] > 0
    assert repeaters.sum() == 946
    model = GammaGamma().fit(cdnow["x"][repeaters], np.ma.getdata(cdnow["mean_repeat"])[repeaters])
    assert (model.p_, model.q_, model.v_) == pytest.approx((6.250, 3.744, 15.444), abs=0.005)


@pytest.mark.parametrize("modified", [False, True])
def test_probabilities_and_expectations_come_true_among_simulated_customers(
    modified: bool,
) -> None:
    shop = simulated(60_000, 13.0, modified=modified, seed=3)
    model = BetaGeometricNBD.from_parameters(
        {"r": 0.8, "alpha": 6.0, "a": 0.9, "b": 3.0}, modified=modified
    )
    promised = model.probability_of_no_purchase(shop["x"], shop["t_x"], shop["T"], 13.0)
    expected = model.expected_purchases(shop["x"], shop["t_x"], shop["T"], 13.0)
    for low, high in [(0.0, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.01)]:
        among = (promised >= low) & (promised < high)
        # three standard errors of a share among so many customers
        margin = 1.5 / np.sqrt(among.sum())
        assert promised[among].mean() == pytest.approx(
            (shop["later"][among] == 0).mean(), abs=margin
        )
    assert expected.sum() == pytest.approx(shop["later"].sum(), rel=0.02)


@pytest.mark.parametrize("modified", [False, True])
def test_a_fit_finds_the_parameters_customers_were_simulated_with(modified: bool) -> None:
    shop = simulated(60_000, 0.0, modified=modified, seed=4)
    model = BetaGeometricNBD(modified=modified).fit(shop["x"], shop["t_x"], shop["T"])
    assert (model.r_, model.alpha_) == pytest.approx((0.8, 6.0), rel=0.06)
    assert (model.a_, model.b_) == pytest.approx((0.9, 3.0), rel=0.12)


def test_expected_purchases_equal_the_textbook_formula() -> None:
    from scipy.special import hyp2f1

    model = BetaGeometricNBD.from_parameters(PUBLISHED, modified=False)
    x, t_x, observed = np.array([0.0, 1, 2, 7]), np.array([0.0, 3, 30.43, 35]), np.full(4, 38.86)
    r, alpha, a, b = (PUBLISHED[name] for name in ("r", "alpha", "a", "b"))
    power = ((alpha + observed) / (alpha + observed + 39.0)) ** (r + x)
    series = hyp2f1(r + x, b + x, a + b + x - 1, 39.0 / (alpha + observed + 39.0))
    textbook = (a + b + x - 1) / (a - 1) * (1 - power * series)
    textbook = textbook * model.probability_alive(x, t_x, observed)
    assert model.expected_purchases(x, t_x, observed, 39.0) == pytest.approx(textbook, rel=1e-4)


def test_one_time_buyers_are_alive_for_sure_in_bg_nbd_yet_not_expected_back_for_sure() -> None:
    model = BetaGeometricNBD.from_parameters(PUBLISHED, modified=False)
    x, t_x, observed = np.zeros(2), np.zeros(2), np.array([5.0, 150.0])
    assert model.probability_alive(x, t_x, observed).tolist() == [1.0, 1.0]
    soon, late = model.probability_of_no_purchase(x, t_x, observed, 13.0)
    assert soon < 0.82 < 0.97 < late


def test_the_order_of_customers_changes_no_digit_of_a_fit() -> None:
    shop = simulated(3_000, 0.0, modified=True, seed=5)
    order = np.random.default_rng(1).permutation(3_000)
    one = BetaGeometricNBD().fit(shop["x"], shop["t_x"], shop["T"])
    two = BetaGeometricNBD().fit(shop["x"][order], shop["t_x"][order], shop["T"][order])
    assert one.to_parameters() == two.to_parameters()


def test_a_fit_without_a_repeat_purchase_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="0 repeat purchases"):
        BetaGeometricNBD().fit(np.zeros(50), np.zeros(50), np.full(50, 30.0))


def test_customers_who_never_stop_give_a_boundary_fit_that_says_so() -> None:
    draws = np.random.default_rng(2)
    observed = np.full(2_000, 52.0)
    x = draws.poisson(10.0, 2_000).astype(float)
    t_x = np.where(x > 0, 52.0 * draws.beta(np.maximum(x, 1), 1.0), 0.0)
    model = BetaGeometricNBD().fit(x, t_x, observed)
    assert model.parameter_status_ == "boundary"
    promised = model.probability_of_no_purchase(x, t_x, observed, 4.0)
    assert promised.mean() == pytest.approx(np.exp(-40 / 52), abs=0.05)


def test_a_last_purchase_after_the_observation_is_refused() -> None:
    with pytest.raises(ValueError, match="impossible purchase times"):
        BetaGeometricNBD().fit(np.ones(20), np.full(20, 31.0), np.full(20, 30.0))


@given(
    x=st.integers(0, 400),
    share=st.floats(0.0, 1.0),
    observed=st.floats(1.0, 1000.0),
    horizon=st.floats(0.1, 500.0),
    modified=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_the_chance_of_no_purchase_is_a_probability_that_falls_with_the_horizon(
    x: int, share: float, observed: float, horizon: float, modified: bool
) -> None:
    model = BetaGeometricNBD.from_parameters(PUBLISHED, modified=modified)
    row = (np.array([float(x)]), np.array([observed * share if x else 0.0]), np.array([observed]))
    near = model.probability_of_no_purchase(*row, horizon)[0]
    far = model.probability_of_no_purchase(*row, horizon * 2)[0]
    assert 0.0 <= far <= near <= 1.0
    dead = 1.0 - model.probability_alive(*row)[0]
    assert near >= dead - 1e-9


def test_gamma_gamma_finds_what_spending_was_simulated_with() -> None:
    draws = np.random.default_rng(8)
    nu = draws.gamma(4.0, 1 / 15.0, 40_000)
    orders = draws.integers(1, 9, 40_000).astype(float)
    mean = draws.gamma(6.0 * orders, 1.0 / (nu * orders))
    model = GammaGamma().fit(orders, mean)
    assert (model.p_, model.q_, model.v_) == pytest.approx((6.0, 4.0, 15.0), rel=0.05)
    assert model.expected_order_value(orders, mean).mean() == pytest.approx(mean.mean(), rel=0.02)
