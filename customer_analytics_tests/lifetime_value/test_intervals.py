"""p10 and p90."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from customer_analytics.lifetime_value.buy_till_you_die import BgNbd, probability_of_purchase
from customer_analytics.lifetime_value.intervals import ObservedSpread, chances, coverage, observed_coverage

amounts = arrays(float, 400, elements=st.floats(0, 1000))


def _business(customers: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What is expected of each, and what they spent: half of them nothing."""
    random = np.random.default_rng(seed)
    expected = random.gamma(0.8, 60, customers)
    return expected, np.where(random.random(customers) < 0.5, 0.0, 2 * expected * random.gamma(2, 0.5, customers))


def test_held_out_customers_lie_between():
    predicted, actual = _business(4000, 0)
    learnt = ObservedSpread.learn(predicted, actual)
    other_predicted, other = _business(4000, 1)
    low, high = learnt.around(other_predicted)
    # Zeros fill the lower tenth here, so the upper tenth alone lies outside.
    assert coverage(low, high, other) == pytest.approx(0.9, abs=0.03)
    assert observed_coverage(predicted, actual, 0) == pytest.approx(coverage(low, high, other), abs=0.03)


def test_without_zeros_it_is_eight_in_ten():
    random = np.random.default_rng(0)
    predicted = random.gamma(2, 50, 6000)
    actual = predicted * random.gamma(3, 1 / 3, 6000)
    assert observed_coverage(predicted, actual, 0) == pytest.approx(0.8, abs=0.03)


@given(amounts, amounts)
def test_the_interval_holds_its_prediction(predicted, actual):
    low, high = ObservedSpread.learn(predicted, actual).around(predicted)
    assert (low <= predicted).all()
    assert (predicted <= high).all()


@given(st.randoms(use_true_random=False))
def test_equal_predictions_have_equal_intervals_whatever_the_order(random):
    predicted, actual = np.full(500, 10.0), np.arange(500.0)
    rows = list(range(500))
    random.shuffle(rows)
    first, second = (ObservedSpread.learn(predicted, a).around(np.array([10.0])) for a in (actual, actual[rows]))
    assert first == second


def test_chances_cover_simulated_customers_and_are_the_same_for_a_seed():
    model, random = BgNbd(0.9, 30.0, 0.8, 2.5), np.random.default_rng(0)
    rate, leave = random.gamma(0.9, 1 / 30.0, 5000), random.beta(0.8, 2.5, 5000)
    times = np.cumsum(random.exponential(1, (5000, 80)) / rate[:, None], axis=1)
    times[np.arange(80)[None, :] >= random.geometric(leave)[:, None]] = np.inf
    seen, later = times <= 200, ((times > 200) & (times <= 380)).sum(axis=1)
    history = seen.sum(axis=1).astype(float), np.where(seen, times, 0).max(axis=1), np.full(5000, 200.0)
    purchases, active = model.expected_purchases(180, *history), probability_of_purchase(model, 180, *history)
    value = np.full(5000, 40.0)
    low, high = chances(purchases, active, value, seed=1)
    spent = np.array([random.gamma(4.0, 10.0, n).sum() for n in later])
    assert coverage(low, high, spent) >= 0.8
    again = chances(purchases, active, value, seed=1)
    assert (low == again[0]).all()
    assert (high == again[1]).all()


def test_chances_of_nobody_and_of_those_who_never_come():
    assert chances(np.array([]), np.array([]), np.array([]), seed=0)[0].size == 0
    low, high = chances(np.zeros(3), np.zeros(3), np.full(3, 50.0), seed=0)
    assert (low == 0).all()
    assert (high == 0).all()
