from __future__ import annotations

import numpy as np
import pytest

from customer_analytics.sentiment.drift import drift, histogram
from customer_analytics.sentiment.evaluation import evaluate
from customer_analytics.sentiment.plots import calibration_plot, confusion_plot, roc_plot
from customer_analytics.sentiment.promotion import decide


def scores(quality: float):
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    return evaluate(labels, np.clip(0.5 + quality * (labels - 0.5) + random.normal(0, 0.2, 400), 0, 1))


def test_promotion_needs_the_floor_and_the_champion():
    good, better = scores(0.3), scores(0.6)
    assert better.auc > good.auc
    assert decide(good, None, 0.6).promoted
    assert not decide(good, None, 0.99).promoted
    assert decide(better, good, 0.6).promoted
    assert not decide(good, better, 0.6).promoted
    assert decide(good, good, 0.6).promoted


def test_calibration_error_sees_what_accuracy_does_not():
    labels = np.array([0, 1] * 200)
    honest = np.full(400, 0.5)
    boastful = np.where(labels, 1.0, 0.0)
    boastful[:100] = 1 - boastful[:100]
    assert evaluate(labels, honest).calibration_error == pytest.approx(0, abs=0.05)
    assert evaluate(labels, boastful).calibration_error > 0.2


def test_drift_compares_the_rows_that_came_since():
    then = [100] * 10
    assert drift(then, [200] * 10).index == pytest.approx(0, abs=0.01)
    worse = drift(then, [100 + (900 if i == 0 else 0) for i in range(10)])
    assert worse.drifted
    assert worse.new_rows == 900
    assert drift(then, [105] * 10).index is None
    assert drift(then, [1000, *[50] * 9]).drifted  # rows went away: all there is now is compared
    assert histogram(np.array([0.0, 0.05, 1.0])) == [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_plots_are_small_pictures():
    labels, positive = np.array([0, 1] * 50), np.linspace(0, 1, 100)
    for picture in (
        roc_plot(labels, {"a": positive}),
        calibration_plot(labels, {"a": positive}),
        confusion_plot(labels, positive),
    ):
        assert picture.startswith("![")
        assert "data:image/png;base64," in picture
        assert len(picture) < 60_000
