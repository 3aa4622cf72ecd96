"""BG/NBD, Pareto/NBD and gamma-gamma against what was published, simulated, and must hold for any parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_analytics.lifetime_value.buy_till_you_die import BgNbd, History, ParetoNbd, probability_of_purchase
from customer_analytics.lifetime_value.gamma_gamma import GammaGamma
from customer_analytics_tests.lifetime_value.history import cdnow

PUBLISHED = (BgNbd(0.243, 4.414, 0.793, 2.426), ParetoNbd(0.553, 10.578, 0.606, 11.67))
parameters = st.floats(-3, 6).map(lambda log: float(np.exp(log)))
models = st.one_of(
    st.builds(BgNbd, parameters, parameters, parameters, parameters),
    st.builds(ParetoNbd, parameters, parameters, parameters, parameters),
)
# Purchases are counted in days, so there are never more of them than days.
histories = st.tuples(st.integers(0, 400), st.floats(1, 4), st.floats(0, 500)).map(
    lambda drawn: tuple(np.array([float(v)]) for v in (drawn[0], drawn[0] * drawn[1], drawn[0] * drawn[1] + drawn[2]))
)


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    """CDNOW: x, t_x and T in weeks over the first 39, and zbar, the mean dollars of the repeat purchases."""
    return pd.read_csv(cdnow("cdnow_customers_summary_with_transactions.csv"))


def test_bg_nbd_has_the_parameters_of_the_paper(summary):
    fitted = BgNbd.fit(History.of(summary["x"], summary["t_x"], summary["T"]))
    assert (fitted.r, fitted.alpha, fitted.a, fitted.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=0.0015)


def test_pareto_nbd_has_the_parameters_of_the_note(summary):
    fitted = ParetoNbd.fit(History.of(summary["x"], summary["t_x"], summary["T"]))
    assert (fitted.r, fitted.s) == pytest.approx((0.553, 0.606), abs=0.001)
    assert (fitted.alpha, fitted.beta) == pytest.approx((10.578, 11.67), abs=0.01)


def test_gamma_gamma_has_the_parameters_of_the_note(summary):
    repeat = summary[summary["x"] > 0]
    fitted = GammaGamma.fit(repeat["x"].to_numpy(), repeat["zbar"].to_numpy())
    assert (fitted.p, fitted.q, fitted.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)


def test_the_unit_of_time_does_not_matter(summary):
    x, t_x, T = (summary[c].to_numpy() for c in ("x", "t_x", "T"))
    weeks, days = BgNbd.fit(History.of(x, t_x, T)), BgNbd.fit(History.of(x, 7 * t_x, 7 * T))
    assert (days.r, days.alpha / 7, days.a, days.b) == pytest.approx((weeks.r, weeks.alpha, weeks.a, weeks.b), rel=0.01)


def _pareto_customers(model: ParetoNbd, count: int, T: float, after: float, seed: int) -> tuple[np.ndarray, ...]:
    """x, t_x, T, and purchases in (T, T + after]; the first purchase is at 0 and not counted."""
    random = np.random.default_rng(seed)
    rate = random.gamma(model.r, 1 / model.alpha, count)
    end = random.exponential(1 / random.gamma(model.s, 1 / model.beta, count))
    gaps = random.exponential(1, (count, 120)) / rate[:, None]
    times = np.cumsum(gaps, axis=1)
    times[times > end[:, None]] = np.inf
    seen = times <= T
    t_x = np.where(seen, times, 0).max(axis=1)
    return seen.sum(axis=1).astype(float), t_x, np.full(count, T), ((times > T) & (times <= T + after)).sum(axis=1)


def _bg_customers(model: BgNbd, count: int, T: float, after: float, seed: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    rate = random.gamma(model.r, 1 / model.alpha, count)
    leave = random.beta(model.a, model.b, count)
    times = np.cumsum(random.exponential(1, (count, 120)) / rate[:, None], axis=1)
    left_after = random.geometric(np.clip(leave, 1e-9, 1))  # the purchase after which they leave
    times[np.arange(120)[None, :] >= left_after[:, None]] = np.inf
    seen = times <= T
    t_x = np.where(seen, times, 0).max(axis=1)
    return seen.sum(axis=1).astype(float), t_x, np.full(count, T), ((times > T) & (times <= T + after)).sum(axis=1)


@pytest.mark.parametrize(
    ("model", "simulate"),
    [(BgNbd(0.9, 8.0, 0.8, 2.5), _bg_customers), (ParetoNbd(0.9, 10.0, 0.7, 12.0), _pareto_customers)],
)
def test_expectations_are_those_of_simulated_customers(model, simulate):
    x, t_x, T, later = simulate(model, 60_000, 39.0, 20.0, seed=1)
    expected, active = model.expected_purchases(20.0, x, t_x, T), probability_of_purchase(model, 20.0, x, t_x, T)
    assert expected.mean() == pytest.approx(later.mean(), rel=0.04)
    assert active.mean() == pytest.approx((later > 0).mean(), rel=0.03)
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):  # calibrated, too
        group = (active >= low) & (active < high)
        if group.sum() > 500:
            assert (later[group] > 0).mean() == pytest.approx(active[group].mean(), abs=0.03)


@given(models, histories, st.floats(0.1, 500))
@settings(max_examples=150, deadline=None)
def test_expectations_are_finite_and_grow_with_the_horizon(model, history, t):
    shorter, longer = (model.expected_purchases(h, *history)[0] for h in (t, 2 * t))
    assert np.isfinite([shorter, longer]).all()
    assert 0 <= shorter <= longer * (1 + 1e-6) + 1e-9
    assert longer <= 2 * shorter * (1 + 1e-6) + 1e-9  # customers only ever leave
    assert 0 <= model.probability_alive(*history)[0] <= 1
    assert 0 <= probability_of_purchase(model, t, *history)[0] <= 1


@given(models, st.integers(1, 300), st.floats(0.05, 0.95), st.floats(1, 300))
@settings(max_examples=100, deadline=None)
def test_who_bought_later_is_more_likely_to_be_there(model, x, share, T):
    early, late = (
        model.probability_alive(np.array([float(x)]), np.array([s * T]), np.array([T]))[0] for s in (share / 2, share)
    )
    assert early <= late + 1e-9


@pytest.mark.parametrize("model", PUBLISHED)
def test_customers_with_hundreds_of_purchases_are_not_predicted_nothing(model):
    """The series of the papers overflows there: 0 was predicted for the best customers of all."""
    x, T = np.array([20.0, 200.0, 900.0]), np.full(3, 1000.0)
    expected = model.expected_purchases(180.0, x, T - 1, T)
    assert expected == pytest.approx(0.18 * x, rel=0.2)


def test_customers_who_are_all_alike_are_fitted_too():
    """Everybody buys and leaves at one rate: the parameters run to their bounds, where the series overflow."""
    random = np.random.default_rng(0)
    T = random.integers(1, 730, 3000).astype(float)
    alive = np.minimum(T, random.exponential(400, T.size))
    x = np.minimum(random.poisson(alive / 60), T)
    t_x = np.clip(np.where(x > 0, (alive * random.beta(4, 1, T.size)).astype(int), 0), np.minimum(x, T), T)
    for family in (BgNbd, ParetoNbd):
        expected = family.fit(History.of(x, t_x, T)).expected_purchases(182.0, x, t_x, T)
        assert np.isfinite(expected).all()
        assert 0 < expected.mean() < 3.1


@pytest.mark.parametrize("model", PUBLISHED)
def test_who_went_quiet_is_expected_to_buy_less(model):
    quiet, loyal = model.expected_purchases(39.0, np.full(2, 4.0), np.array([10.0, 38.0]), np.full(2, 39.0))
    assert quiet < 0.5 * loyal


@pytest.mark.parametrize("family", [BgNbd, ParetoNbd])
@pytest.mark.parametrize("customers", [1, 2, 40])
@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0, 0), (0, 0, 300), (3, 20, 20), (30, 30, 30)])
def test_a_handful_of_equal_customers_gives_a_modest_model(family, customers, x, t_x, T):
    history = [np.full(customers, float(value)) for value in (x, t_x, T)]
    expected = family.fit(History.of(*history)).expected_purchases(182.0, *history)
    assert np.isfinite(expected).all()
    assert expected[0] <= (x + 4) * 6


def test_a_history_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="0 <= t_x <= T"):
        History.of(np.array([1.0]), np.array([5.0]), np.array([4.0]))
    with pytest.raises(ValueError, match="no customer"):
        BgNbd.fit(History.of(np.array([]), np.array([]), np.array([])))


def test_a_future_purchase_lies_between_the_customers_mean_and_everybodys():
    model = GammaGamma(6.25, 3.74, 15.44)
    everybody = model.p * model.gamma / (model.q - 1)
    once, often = (model.expected_value(np.array([x]), np.array([100.0]))[0] for x in (1, 50))
    assert everybody < once < often < 100
    assert model.expected_value(np.array([0]), np.array([0.0]))[0] == pytest.approx(everybody)


def test_gamma_gamma_finds_the_mean_of_simulated_purchases():
    random = np.random.default_rng(3)
    x = random.integers(1, 8, 20_000)
    nu = random.gamma(4.0, 1 / 15.0, x.size)
    mean = np.array([random.gamma(6.0 * n, 1 / (v * n)) for n, v in zip(x, nu, strict=True)])
    fitted = GammaGamma.fit(x, mean)
    assert fitted.p * fitted.gamma / (fitted.q - 1) == pytest.approx(6.0 * 15 / 3, rel=0.05)
    assert fitted.q > 1


def test_orders_without_a_positive_value_teach_nothing_and_say_so():
    with pytest.raises(ValueError, match="no purchase with a value"):
        GammaGamma.fit(np.array([1, 2]), np.array([0.0, -5.0]))
