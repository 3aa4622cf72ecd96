"""The whole procedure on the CDNOW sample, of which only the first 39 weeks are known to it."""

from __future__ import annotations

import datetime as dt

from customer_analytics.lifetime_value.metrics import evaluate
from customer_analytics.lifetime_value.training import gather, train
from customer_analytics_tests.lifetime_value.history import cdnow_orders, features_from


def test_on_cdnow_it_is_as_good_as_the_best_published_methods():
    features, reference = features_from(cdnow_orders()), dt.date(1997, 10, 1)
    training = train(gather(features, reference, 273), 273, seed=20180409)
    truth = features(reference, 273)
    predicted = training.model.predict(truth)
    scores = evaluate(predicted["predicted_ltv"].to_numpy(), truth["target"].to_numpy())
    assert len(truth) == 2357
    assert scores["mae"] <= 29.5
    assert scores["rmse"] <= 71
    assert scores["normalised_gini"] >= 0.69
    assert scores["top_decile_share"] >= 0.5
    assert abs(scores["total_error"]) < 0.2
    inside = (truth["target"] >= predicted["p10"]) & (truth["target"] <= predicted["p90"])
    assert inside.mean() >= 0.8
