"""The backtest on a user's own orders: what is chosen, what is never looked at, what happens with too little."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from customer_analytics.lifetime_value import candidates
from customer_analytics.lifetime_value.metrics import evaluate
from customer_analytics.lifetime_value.training import NothingToLearnFrom, Training, gather, train
from customer_analytics_tests.lifetime_value.history import features_from, synthetic_orders

START, DAYS, HORIZON = dt.date(2024, 1, 1), 300, 100
REFERENCE = START + dt.timedelta(days=DAYS)
EMPTY = pd.DataFrame({"customer_id": [], "order_date": pd.to_datetime([]), "amount": []})


def trained(orders: pd.DataFrame, reference: dt.date = REFERENCE, horizon: int = HORIZON, **options) -> Training:
    return train(gather(features_from(orders, **options), reference, horizon), horizon, seed=7)


def orders_of(*rows: tuple[int, int, float | None]) -> pd.DataFrame:
    """(customer, day from START, dollars)"""
    days = [START + dt.timedelta(days=day) for _, day, _ in rows]
    return pd.DataFrame({"customer_id": [r[0] for r in rows], "order_date": days, "amount": [r[2] for r in rows]})


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    """The rules do not depend on how many trees there are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "TREE_SEEDS", 2)
        patch.setattr(candidates, "TREE_ROUNDS", 40)
        yield


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return synthetic_orders(700, DAYS + HORIZON, seed=1)


@pytest.fixture(scope="module")
def chosen(orders) -> Training:
    return trained(orders)


def test_it_ranks_customers_that_it_was_not_judged_on(orders, chosen):
    truth = features_from(orders)(REFERENCE, HORIZON)
    predicted = chosen.model.predict(truth)["predicted_ltv"].to_numpy()
    scores = evaluate(predicted, truth["target"].to_numpy())
    assert scores["normalised_gini"] > 0.5
    assert abs(scores["total_error"]) < 0.4


def test_the_chosen_one_has_the_best_loss_but_for_noise(chosen):
    assert chosen.scores[chosen.chosen]["loss"] <= min(s["loss"] for s in chosen.scores.values()) + 0.01
    assert {"mean", "naive rate", "BG/NBD x gamma-gamma", "LightGBM"} <= set(chosen.scores)
    assert chosen.backtest_days == HORIZON
    assert f"last {HORIZON} days" in chosen.reason
    assert chosen.coverage is not None
    assert chosen.coverage > 0.75


def test_the_blend_is_the_usual_choice_and_another_must_beat_it_by_more_than_noise():
    from customer_analytics.lifetime_value.training import _best  # pyright: ignore[reportPrivateUsage]

    gini: dict[str, float] = {}

    def best(**losses: float) -> str:
        names = {"mean": "mean", "pareto": candidates.PARETO, "blend": candidates.BLEND, "trees": candidates.TREES}
        return _best({names[n]: {"loss": loss, "normalised_gini": gini.get(n, 0.5)} for n, loss in losses.items()})

    assert best(mean=2.0, pareto=1.195, blend=1.2, trees=1.195) == candidates.BLEND
    assert best(mean=2.0, pareto=1.18, blend=1.2, trees=1.175) == candidates.PARETO, "the simpler of two neighbours"
    assert best(mean=2.0, pareto=1.18, blend=1.2, trees=1.1) == candidates.TREES
    assert best(mean=1.2, pareto=1.195) == "mean"
    gini |= {"mean": 0.0, "blend": -0.02}
    assert best(mean=1.3, pareto=1.4, blend=1.2) == "mean", "what ranks no better than chance cannot win"


def test_contracts_that_are_paid_every_month_are_seen_to_be_regular():
    """Who paid a fortnight ago pays again, who did not has left. Pareto/NBD, which sees chance alone, cannot know."""
    random = np.random.default_rng(0)
    rows = []
    for customer in range(800):
        first = int(random.integers(0, 200))
        last = min(first + random.exponential(200), DAYS + HORIZON)
        rows.extend((customer, day, 20.0) for day in range(first, int(last) + 1, 30))
    orders = orders_of(*rows)
    training = trained(orders[orders["order_date"] < REFERENCE])
    assert training.chosen != candidates.PARETO
    assert training.scores[training.chosen]["loss"] < training.scores[candidates.PARETO]["loss"] - 0.05
    sane(training, orders)


def test_a_thousand_first_orders_on_one_day_get_the_baseline():
    orders = orders_of(*((i, 150, 30.0) for i in range(1000)))
    assert "customers who came back" in trained(orders).reason
    sane(trained(orders), orders)


def test_no_order_on_or_after_the_reference_date_is_looked_at(orders, chosen):
    before = orders[orders["order_date"] < REFERENCE]
    other = orders_of(*((i, DAYS + i % 90, 10_000.0) for i in range(700)))
    again = trained(pd.concat([before, other]))
    now = features_from(before)(REFERENCE)
    pd.testing.assert_frame_equal(chosen.model.predict(now), again.model.predict(now))
    assert chosen.scores == again.scores


def test_what_followed_the_backtests_cut_changes_no_prediction_there(orders):
    """The days held back decide who wins; what the candidates predict for them may not depend on them."""
    from customer_analytics.lifetime_value.training import _backtest  # pyright: ignore[reportPrivateUsage]

    cut = REFERENCE - dt.timedelta(days=HORIZON)
    tripled = orders.assign(amount=np.where(orders["order_date"] >= cut, 3 * orders["amount"], orders["amount"]))
    predictions = []
    for version in (orders, tripled):
        material = gather(features_from(version), REFERENCE, HORIZON)
        assert material.judged is not None
        names = ["mean", "Pareto/NBD x gamma-gamma", "LightGBM", "two-stage LightGBM"]
        predictions.append(_backtest(material, material.judged, names, seed=7)[0])
    for name in predictions[0]:
        np.testing.assert_array_equal(predictions[0][name], predictions[1][name])


def test_the_same_material_and_seed_give_the_same_model_also_after_a_pickle(orders, chosen):
    now = features_from(orders)(REFERENCE)
    again = trained(orders)
    pd.testing.assert_frame_equal(again.model.predict(now), chosen.model.predict(now))
    kept = pickle.loads(pickle.dumps(chosen.model))
    pd.testing.assert_frame_equal(kept.predict(now), chosen.model.predict(now))


def test_a_customers_prediction_does_not_depend_on_who_else_is_asked_for(orders, chosen):
    now = features_from(orders)(REFERENCE)
    some = chosen.model.predict(now.iloc[100:110].reset_index(drop=True))
    pd.testing.assert_frame_equal(some, chosen.model.predict(now).iloc[100:110].reset_index(drop=True))


def test_a_longer_horizon_than_the_history_can_judge_is_scaled(orders):
    training = trained(orders, horizon=365)
    assert training.backtest_days == DAYS // 3
    year = training.model.predict(features_from(orders)(REFERENCE))
    quarter = trained(orders, horizon=90).model.predict(features_from(orders)(REFERENCE))
    assert quarter["predicted_ltv"].sum() < year["predicted_ltv"].sum() < 365 / 90 * quarter["predicted_ltv"].sum()
    assert (year["p10"] <= year["predicted_ltv"]).all()
    assert (year["predicted_ltv"] <= year["p90"]).all()


def test_a_horizon_of_one_day_is_possible(orders):
    sane(trained(orders, horizon=1), orders)


def sane(training: Training, orders: pd.DataFrame) -> pd.DataFrame:
    predicted = training.model.predict(features_from(orders)(REFERENCE))
    assert np.isfinite(predicted.to_numpy()).all()
    assert (predicted["predicted_ltv"] >= 0).all()
    assert predicted["probability_active"].between(0, 1).all()
    assert (predicted["p10"] <= predicted["predicted_ltv"]).all()
    assert (predicted["predicted_ltv"] <= predicted["p90"]).all()
    return predicted


def test_few_customers_get_the_baseline_and_are_told_why():
    orders = synthetic_orders(100, DAYS, seed=3)
    training = trained(orders)
    assert training.chosen == "BG/NBD x gamma-gamma"
    assert training.reason.startswith("Too little to compare models by: ")
    assert "customers with a paid order (at least 300 are needed)" in training.reason
    assert training.scores == {}
    sane(training, orders)


def test_a_short_history_gets_the_baseline():
    orders = synthetic_orders(800, 90, seed=3, start=REFERENCE - dt.timedelta(days=90))
    training = trained(orders)
    assert "90 days of history (at least 120 are needed)" in training.reason
    sane(training, orders)


def test_a_business_that_stopped_gets_the_baseline():
    """Nobody spent in the days held back: there is no ranking and no total to judge by."""
    orders = synthetic_orders(600, DAYS, seed=3)
    stopped = orders[orders["order_date"] < REFERENCE - dt.timedelta(days=HORIZON)]
    training = trained(stopped)
    assert "0 of them who spent since (at least 30 are needed)" in training.reason
    sane(training, stopped)


def test_a_cohort_that_came_all_at_the_end_gets_the_baseline():
    rows = [(0, 0, 5.0), *((i, DAYS - 30 + (i * 7 + k) % 30, 20.0) for i in range(1, 400) for k in (0, 11))]
    orders = orders_of(*rows)
    assert "before the last 100 days" in trained(orders).reason
    sane(trained(orders), orders)


@pytest.mark.parametrize("day", [DAYS - 1, 0])
def test_one_customer_with_one_order_is_predicted_something_modest(day):
    orders = orders_of((1, day, 50.0))
    predicted = sane(trained(orders), orders)["predicted_ltv"][0]
    assert 0 < predicted < 6 * 50


def test_customers_who_all_came_once_are_predicted_little():
    orders = orders_of(*((i, i % 250, 40.0) for i in range(500)))
    training = trained(orders)
    assert "0 customers who came back (at least 60 are needed)" in training.reason
    assert sane(training, orders)["predicted_ltv"].mean() < 8


def test_orders_without_a_payment_are_predicted_nothing():
    orders = orders_of(*((i, 10 * k, None) for i in range(400) for k in range(3)))
    training = trained(orders)
    assert training.reason == "No order has a payment: nobody is predicted to spend anything."
    assert (sane(training, orders)["predicted_ltv"] == 0).all()


def test_missing_amounts_count_as_nothing_and_refunds_below_zero_predict_no_negative_spend():
    orders = synthetic_orders(700, DAYS, seed=5)
    random = np.random.default_rng(0).random(len(orders))
    orders["amount"] = np.select([random < 0.1, random < 0.2], [np.nan, -3 * orders["amount"]], orders["amount"])
    sane(trained(orders), orders)


def test_one_business_where_everybody_buys_the_same_every_month():
    orders = orders_of(*((i, day, 10.0) for i in range(350) for day in range(i % 30, DAYS, 30)))
    assert sane(trained(orders), orders)["predicted_ltv"].mean() == pytest.approx(10 * HORIZON / 30, rel=0.3)


def test_nothing_before_the_reference_date_is_refused():
    with pytest.raises(NothingToLearnFrom):
        gather(features_from(EMPTY), REFERENCE, HORIZON)


def _feelings(informative: bool):
    """A mood for each customer, which decides what they spend, or is drawn by lot."""

    def extra(known: pd.DataFrame, cut: dt.date) -> pd.DataFrame:
        mood = known["customer_id"].to_numpy(int) % 10 if informative else np.random.default_rng(0).random(len(known))
        return known.assign(sentiment=mood / 10, comment_count=3.0)

    return extra


def test_the_ablation_says_when_sentiment_helps():
    """Every customer has one order to show, and comes back the more often the better they feel."""
    rows = []
    random = np.random.default_rng(0)
    for i in range(1000):
        first = int(random.integers(0, 200))
        rows.append((i, first, 20.0))
        if i % 10 >= 7:
            rows.extend((i, int(day), 40.0) for day in range(first + 60 + i % 17, DAYS, 60))
    helped = trained(orders_of(*rows), extra=_feelings(True))
    assert helped.sentiment_gain is not None
    assert helped.sentiment_gain["loss_gain"] > 2 * helped.sentiment_gain["standard_error"]
    assert "Sentiment helps" in helped.sentiment_verdict
    assert "with sentiment" in helped.chosen


def test_the_ablation_says_when_sentiment_adds_nothing(orders):
    training = trained(orders, extra=_feelings(False))
    assert training.sentiment_gain is not None
    assert "no difference" in training.sentiment_verdict or "harms" in training.sentiment_verdict


def test_without_comments_the_ablation_says_that_it_was_not_measured(chosen):
    assert chosen.sentiment_gain is None
    assert "Not measured" in chosen.sentiment_verdict
