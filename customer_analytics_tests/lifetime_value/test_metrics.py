"""What makes a prediction good: ranking, total, error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from customer_analytics.lifetime_value.metrics import evaluate, loss, normalised_gini, top_share

spend = arrays(float, st.integers(2, 60), elements=st.integers(0, 50).map(float))


def test_a_perfect_prediction():
    actual = np.array([0.0, 0.0, 5.0, 20.0, 75.0])
    scores = evaluate(actual, actual)
    assert scores["mae"] == scores["rmse"] == scores["total_error"] == 0
    assert scores["normalised_gini"] == pytest.approx(1)
    assert scores["spearman"] == pytest.approx(1)
    assert scores["top_decile_share"] == pytest.approx(0.75)


def test_figures_worked_out_by_hand():
    scores = evaluate(np.array([10.0, 0.0, 2.0]), np.array([4.0, 0.0, 4.0]))
    assert scores["mae"] == pytest.approx(8 / 3)
    assert scores["rmse"] == pytest.approx(np.sqrt(40 / 3))
    assert scores["total_error"] == pytest.approx(0.5)


@given(spend, st.randoms(use_true_random=False))
def test_ties_do_not_depend_on_the_order_of_the_rows(actual, random):
    predicted = np.floor(actual / 20)
    rows = list(range(actual.size))
    random.shuffle(rows)
    assert normalised_gini(predicted, actual) == pytest.approx(normalised_gini(predicted[rows], actual[rows]))
    assert top_share(predicted, actual, 0.1) == pytest.approx(top_share(predicted[rows], actual[rows], 0.1))


@given(spend, st.floats(0, 100))
def test_the_same_for_everybody_ranks_nobody(actual, everybody):
    predicted = np.full(actual.size, everybody)
    assert normalised_gini(predicted, actual) == pytest.approx(0, abs=1e-9)
    assert evaluate(predicted, actual)["spearman"] == 0


@given(spend)
def test_the_opposite_order_is_worst_and_ranking_never_leaves_its_bounds(actual):
    assert -1 - 1e-9 <= normalised_gini(-actual, actual) <= 0 + 1e-9
    assert 0 <= top_share(actual, actual, 0.1) <= 1


def test_where_nobody_spent_nothing_can_be_ranked():
    scores = evaluate(np.array([1.0, 2.0]), np.zeros(2))
    assert np.isnan(scores["total_error"])
    assert (scores["normalised_gini"], scores["top_decile_share"], scores["spearman"]) == (0, 0, 0)
    assert np.isfinite(loss(scores, evaluate(np.zeros(2), np.zeros(2))))


def test_predicting_zero_for_everybody_loses_although_its_error_is_small():
    random = np.random.default_rng(0)
    expected = random.gamma(0.5, 20, 2000)
    actual = np.where(random.random(2000) < 0.7, 0, expected / 0.3 * random.gamma(2, 0.5, 2000))
    mean = evaluate(np.full(2000, actual.mean()), actual)
    ranked = evaluate(expected, actual)
    zero = evaluate(np.zeros(2000), actual)
    assert zero["mae"] < mean["mae"]
    assert loss(ranked, mean) < loss(mean, mean) < loss(zero, mean)


def test_twice_the_total_costs_as_much_as_half_of_it():
    actual = np.array([1.0, 2.0, 3.0, 10.0])
    whole = evaluate(actual, actual)
    doubled, halved = (dict(whole, total_error=error) for error in (1.0, -0.5))
    assert loss(doubled, whole | {"mae": 1, "rmse": 1}) == pytest.approx(loss(halved, whole | {"mae": 1, "rmse": 1}))
