"""Choose the predictor of spend by a backtest on the user's own data, and fit it on all of it.

The last third of the history (at most the horizon) is held back. Every candidate is fitted on what
came before, and judged on what followed: ranking, error and total together. With too little data
the baseline is taken unjudged, and says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from customer_analytics.lifetime_value import intervals, metrics
from customer_analytics.lifetime_value.buy_till_you_die import BgNbd, ParetoNbd
from customer_analytics.lifetime_value.candidates import BuyTillYouDie, MeanSpend, Snapshot, Trees, candidates

if TYPE_CHECKING:
    import pandas as pd

Features = Callable[[dt.date, int | None], "pd.DataFrame"]
"""(cut, horizon or None) -> `transforms.lifetime_value.customer_features` there, in lower case."""

MIN_CUSTOMERS, MIN_REPEATERS, MIN_DAYS = 300, 60, 120
"""Less than this cannot tell candidates apart: BG/NBD with gamma-gamma, weakly pulled to the usual, is taken."""
MARGIN = 0.01
"""A less simple candidate must be better by more than this."""


class NothingToLearnFrom(ValueError):
    """There is no customer with an order before the reference date."""


@dataclass
class LifetimeValueModel(BaseEstimator):
    """The chosen predictor with its interval. It is what the registry keeps, and so has scikit-learn's interface."""

    candidate: Any
    activity: Any
    """The probability model that says who will buy at all; None with nothing but a mean."""
    spread: intervals.ObservedSpread | None
    spread_days: int
    horizon_days: int
    seed: int

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """predicted_ltv, p10, p90 (dollars in the horizon) and probability_active, one row per row."""
        import pandas as pd

        predicted = self.candidate.predict(features, self.horizon_days)
        active = (
            self.activity.probability_active(features, self.horizon_days)
            if self.activity is not None
            else np.full(len(features), np.nan)
        )
        low, high = self._interval(features, predicted, active)
        return pd.DataFrame({"predicted_ltv": predicted, "p10": low, "p90": high, "probability_active": active})

    def _interval(
        self, features: pd.DataFrame, predicted: np.ndarray, active: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.spread is not None:
            # Learnt over the days of the backtest; relative spread is taken to be the same over the horizon.
            low, high = self.spread.around(self.candidate.predict(features, self.spread_days))
            shorter = np.maximum(self.candidate.predict(features, self.spread_days), 1e-9)
            return low / shorter * predicted, high / shorter * predicted
        if self.activity is None:
            return np.zeros(len(features)), 2 * predicted
        purchases = self.activity.expected_purchases(features, self.horizon_days)
        value = predicted / np.maximum(purchases, 1e-9)
        low, high = intervals.chances(purchases, active, value, self.seed)
        return np.minimum(low, predicted), np.maximum(high, predicted)


@dataclass
class Training:
    """A model and the evidence for it."""

    model: LifetimeValueModel
    chosen: str
    reason: str
    """Why it was chosen, in words for the page."""
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    """Per candidate, in the backtest: `metrics.evaluate`, and `loss`."""
    coverage: float | None = None
    """The share of the backtest's customers within p10 and p90; 0.8 or more is right (many spend exactly 0)."""
    backtest_days: int | None = None
    sentiment_gain: dict[str, float] | None = None
    """What sentiment adds to the trees: loss without less loss with, and its standard error."""


def train(features: Features, reference: dt.date, horizon_days: int, seed: int) -> Training:
    """Choose and fit, from what was known before `reference`. `NothingToLearnFrom` without a customer."""
    now = features(reference, None)
    if now.empty:
        raise NothingToLearnFrom("No customer has an order before the reference date.")
    days = int(now["tenure_days"].max()) + 1
    repeaters = int((now["frequency"] > 0).sum())
    short = _too_little(len(now), repeaters, days)
    if short:
        return _fallback(now, repeaters, horizon_days, seed, short)
    held_back = min(horizon_days, days // 3)
    scores, at_cut, actual = _backtest(features, reference, held_back, days, seed)
    chosen = _simplest_of_the_best(scores)
    span = min(horizon_days, days // 3)
    past = [Snapshot(features(cut, span), span) for cut in _cuts(reference, span)]
    pool = {candidate.name: candidate for candidate in candidates(seed, trees=True)}
    best = pool[chosen].fit(now, past)
    activity = BuyTillYouDie(ParetoNbd).fit(now, ())
    spread, covered = None, None
    if actual.size >= intervals.ENOUGH:
        spread = intervals.ObservedSpread.learn(at_cut[chosen], actual)
        covered = intervals.observed_coverage(at_cut[chosen], actual, seed)
    return Training(
        LifetimeValueModel(best, activity, spread, held_back, horizon_days, seed),
        chosen,
        f"Best of {len(scores)} in a backtest over the last {held_back} days, by ranking, error and total together.",
        scores,
        covered,
        held_back,
        _gain(at_cut, actual, seed),
    )


def _too_little(customers: int, repeaters: int, days: int) -> str:
    lacks = [
        f"{have} {what} (at least {need} are needed)"
        for have, need, what in (
            (customers, MIN_CUSTOMERS, "customers with an order"),
            (repeaters, MIN_REPEATERS, "customers who came back"),
            (days, MIN_DAYS, "days of history"),
        )
        if have < need
    ]
    return ", ".join(lacks)


def _fallback(now: pd.DataFrame, repeaters: int, horizon_days: int, seed: int, short: str) -> Training:
    if repeaters >= 2:
        best: Any = BuyTillYouDie(BgNbd).fit(now, ())
        model = LifetimeValueModel(best, best, None, horizon_days, horizon_days, seed)
    else:
        best = MeanSpend().fit(now, ())
        model = LifetimeValueModel(best, None, None, horizon_days, horizon_days, seed)
    return Training(model, best.name, f"Too little to compare models by: {short}. The baseline {best.name} is used.")


def _cuts(reference: dt.date, span: int) -> list[dt.date]:
    """The earlier days that trees learn from: one span back, and two more between there and two spans back."""
    return [reference - dt.timedelta(days=span * thirds // 3) for thirds in (3, 4, 5)]


def _backtest(
    features: Features, reference: dt.date, held_back: int, days: int, seed: int
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray], np.ndarray]:
    """(scores, predictions, what was spent) in the last `held_back` days, from what was known before them."""
    cut = reference - dt.timedelta(days=held_back)
    judged = features(cut, held_back)
    span = min(held_back, (days - held_back) // 3)
    past = [Snapshot(features(earlier, span), span) for earlier in _cuts(cut, span)]
    actual = judged["target"].to_numpy(float)
    predicted: dict[str, np.ndarray] = {}
    for candidate in candidates(seed, trees=True):
        predicted[candidate.name] = candidate.fit(judged, past).predict(judged, held_back)
    return _score(predicted, actual), predicted, actual


def _score(predicted: Mapping[str, np.ndarray], actual: np.ndarray) -> dict[str, dict[str, float]]:
    mean = metrics.evaluate(predicted[MeanSpend().name], actual)
    scores = {name: metrics.evaluate(spend, actual) for name, spend in predicted.items()}
    return {name: {**score, "loss": metrics.loss(score, mean)} for name, score in scores.items()}


def _simplest_of_the_best(scores: dict[str, dict[str, float]]) -> str:
    """Candidates come simplest first; a later one must beat the best so far by more than noise."""
    best = ""
    for name, score in scores.items():
        if not best or score["loss"] < scores[best]["loss"] - MARGIN:
            best = name
    return best


def _gain(predicted: Mapping[str, np.ndarray], actual: np.ndarray, seed: int, rounds: int = 30) -> dict[str, float]:
    """Loss of the trees without sentiment less that with it, and its standard error over resampled customers."""
    names = (MeanSpend().name, Trees().name, Trees(sentiment=False).name)
    generator, gains = np.random.default_rng(seed), []
    for _ in range(rounds):
        rows = generator.integers(0, actual.size, actual.size)
        if actual[rows].sum() > 0:
            scores = _score({name: predicted[name][rows] for name in names}, actual[rows])
            gains.append(scores[names[2]]["loss"] - scores[names[1]]["loss"])
    whole = _score({name: predicted[name] for name in names}, actual)
    return {
        "loss_gain": whole[names[2]]["loss"] - whole[names[1]]["loss"],
        "standard_error": float(np.std(gains)) if gains else float("nan"),
        "gini_gain": whole[names[1]]["normalised_gini"] - whole[names[2]]["normalised_gini"],
    }
