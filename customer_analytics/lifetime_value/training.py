"""Choose the predictor of spend by a backtest on the user's own data, and fit it on all of it.

The last third of the history (at most the horizon) is held back. Every candidate is fitted on what
came before, and judged on what followed: ranking, error and total together. With too little data
the baseline is taken unjudged, and says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from customer_analytics.lifetime_value import intervals, metrics
from customer_analytics.lifetime_value.buy_till_you_die import BgNbd, History, probability_of_purchase
from customer_analytics.lifetime_value.candidates import (
    BLEND,
    MEAN,
    PARETO,
    TREES,
    WITH_SENTIMENT,
    BuyTillYouDie,
    Candidate,
    Candidates,
    MeanSpend,
    Snapshot,
    history_of,
)
from customer_analytics.lifetime_value.promotion import NOISE

if TYPE_CHECKING:
    import pandas as pd

Features = Callable[[dt.date, int | None], "pd.DataFrame"]
"""(cut, horizon or None) -> `transforms.lifetime_value.customer_features` there, in lower case."""

MIN_CUSTOMERS, MIN_REPEATERS, MIN_DAYS, MIN_SPENDERS = 300, 60, 120, 30
"""Less than this cannot tell candidates apart: BG/NBD with gamma-gamma, weakly pulled to the usual, is taken."""


class NothingToLearnFrom(ValueError):
    """There is no customer with an order before the reference date."""


@dataclass(frozen=True)
class Material:
    """All that training sees, as far as it reaches: equal material, horizon and seed give an equal model."""

    now: pd.DataFrame
    """Features at the reference date"""
    past: Sequence[Snapshot] = ()
    """Earlier days, for the model that will be used"""
    judged: Snapshot | None = None
    """The day from which the backtest predicts, with what followed"""
    past_judged: Sequence[Snapshot] = ()
    """Days before that, whose targets end by it"""
    short: str = ""
    """What there is too little of, in words; then nothing is compared"""

    @property
    def frames(self) -> list[pd.DataFrame]:
        judged = () if self.judged is None else (self.judged,)
        return [self.now, *(s.features for s in (*self.past, *judged, *self.past_judged))]


@dataclass
class LifetimeValueModel(BaseEstimator):
    """The chosen predictor with its interval. It is what the registry keeps, and so has scikit-learn's interface."""

    candidate: Any
    activity: Any
    """The model of purchases that says who will buy at all"""
    spread: intervals.ObservedSpread | None
    spread_days: int
    horizon_days: int
    seed: int

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """predicted_ltv, p10, p90 (dollars in the horizon) and probability_active, one row per row."""
        import pandas as pd

        history = history_of(features)
        predicted = self.candidate.predict(features, self.horizon_days)
        active = probability_of_purchase(self.activity, self.horizon_days, *history)
        if self.spread is None:
            purchases = self.activity.expected_purchases(self.horizon_days, *history)
            value = predicted / np.maximum(purchases, 1e-9)
            low, high = intervals.chances(purchases, active, value, self.seed)
        else:
            low, high = self._observed(features, predicted)
        columns = {"predicted_ltv": predicted, "p10": np.minimum(low, predicted), "p90": np.maximum(high, predicted)}
        return pd.DataFrame({**columns, "probability_active": active})

    def _observed(self, features: pd.DataFrame, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert self.spread is not None
        if self.spread_days == self.horizon_days:
            return self.spread.around(predicted)
        # Learnt over the days of the backtest; relative spread is taken to be the same over the horizon.
        shorter = self.candidate.predict(features, self.spread_days)
        low, high = self.spread.around(shorter)
        longer = predicted / np.maximum(shorter, 1e-9)
        return low * longer, high * longer


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

    @property
    def sentiment_verdict(self) -> str:
        """The ablation in a sentence, whichever way it went."""
        gain = self.sentiment_gain
        if gain is None:
            return "Not measured: there was nothing to compare with and without sentiment."
        figures = f"by {gain['loss_gain']:+.3f} (standard error {gain['standard_error']:.3f})"
        if abs(gain["loss_gain"]) <= 2 * gain["standard_error"]:
            return f"Sentiment makes no difference that stands out of the noise: it changes the trees' loss {figures}."
        verdict = "helps: it improves" if gain["loss_gain"] > 0 else "harms: it changes"
        return f"Sentiment {verdict} the trees' loss {figures}."


def gather(features: Features, reference: dt.date, horizon_days: int) -> Material:
    """What was known before `reference`. `NothingToLearnFrom` without a customer."""
    now = features(reference, None)
    if now.empty:
        raise NothingToLearnFrom("No customer has an order before the reference date.")
    days = int(now["tenure_days"].max()) + 1
    if short := _too_little(now, days):
        return Material(now, short=short)
    held_back = min(horizon_days, days // 3)
    cut = reference - dt.timedelta(days=held_back)
    judged = Snapshot(features(cut, held_back), held_back)
    if short := _too_little_to_judge(judged):
        return Material(now, judged=judged, short=short)
    span = min(held_back, (days - held_back) // 3)
    past_judged = [Snapshot(features(earlier, span), span) for earlier in _cuts(cut, span)]
    past = [Snapshot(features(earlier, held_back), held_back) for earlier in _cuts(reference, held_back)]
    return Material(now, past, judged, past_judged)


def train(material: Material, horizon_days: int, seed: int) -> Training:
    """Choose and fit."""
    now, judged = material.now, material.judged
    if material.short or judged is None:
        return _fallback(now, horizon_days, seed, material.short)
    final = Candidates(now, material.past, seed)
    at_cut, actual = _backtest(material, judged, final.names, seed)
    scores = _score(at_cut, actual)
    chosen = _best(scores)
    spread, covered = None, None
    if actual.size >= intervals.ENOUGH:
        spread = intervals.ObservedSpread.learn(at_cut[chosen], actual)
        covered = intervals.observed_coverage(at_cut[chosen], actual, seed)
    pareto = final.fitted(PARETO)
    assert isinstance(pareto, BuyTillYouDie)
    model = LifetimeValueModel(final.fitted(chosen), pareto.model, spread, judged.horizon_days, horizon_days, seed)
    reason = (
        f"Best of {len(scores)} in a backtest over the last {judged.horizon_days} days, by ranking, error and total."
    )
    return Training(model, chosen, reason, scores, covered, judged.horizon_days, _gain(at_cut, actual, seed))


def _lacks(*needs: tuple[int, str, int]) -> str:
    return ", ".join(f"{have} {what} (at least {need} are needed)" for have, what, need in needs if have < need)


def _too_little(now: pd.DataFrame, days: int) -> str:
    return _lacks(
        (_paying(now), "customers with a paid order", MIN_CUSTOMERS),
        (int((now["frequency"] > 0).sum()), "customers who came back", MIN_REPEATERS),
        (days, "days of history", MIN_DAYS),
    )


def _too_little_to_judge(judged: Snapshot) -> str:
    features, before = judged.features, f"before the last {judged.horizon_days} days"
    return _lacks(
        (_paying(features), f"customers with a paid order {before}", MIN_CUSTOMERS),
        (int((features["target"] > 0).sum()), "of them who spent since", MIN_SPENDERS),
    )


def _paying(features: pd.DataFrame) -> int:
    return int((features["monetary_value"] > 0).sum())


def _fallback(now: pd.DataFrame, horizon_days: int, seed: int, short: str) -> Training:
    activity = BgNbd.fit(History.of(*history_of(now)))
    if _paying(now):
        best: Candidate = BuyTillYouDie.fit(BgNbd, now)
        reason = f"Too little to compare models by: {short}. The baseline {best.name} is used."
    else:
        best, reason = MeanSpend(), "No order has a payment: nobody is predicted to spend anything."
    return Training(LifetimeValueModel(best, activity, None, horizon_days, horizon_days, seed), best.name, reason)


def _cuts(reference: dt.date, span: int) -> list[dt.date]:
    """The earlier days that trees learn from: one span back, two spans back, and two between."""
    return sorted({reference - dt.timedelta(days=span * thirds // 3) for thirds in (3, 4, 5, 6)}, reverse=True)


def _backtest(
    material: Material, judged: Snapshot, names: Sequence[str], seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """(predictions by candidate, what was spent) in the days held back, from what was known before them."""
    before = judged.features.drop(columns="target")
    contest = Candidates(before, material.past_judged, seed)
    competing = [name for name in contest.names if name in names]
    predicted = {name: contest.fitted(name).predict(before, judged.horizon_days) for name in competing}
    return predicted, judged.features["target"].to_numpy(float)


def _score(predicted: Mapping[str, np.ndarray], actual: np.ndarray) -> dict[str, dict[str, float]]:
    mean = metrics.evaluate(predicted[MEAN], actual)
    scores = {name: metrics.evaluate(spend, actual) for name, spend in predicted.items()}
    return {name: {**score, "loss": metrics.loss(score, mean)} for name, score in scores.items()}


def _best(scores: dict[str, dict[str, float]]) -> str:
    """The usual one, unless another beats it by more than noise: the blend, because one backtest tells little between
    neighbours and an average is the safer guess; without trees the simplest. Of others the simpler comes first.
    What ranks customers no better than chance loses to the mean."""
    fit = {name: score for name, score in scores.items() if name == MEAN or score["normalised_gini"] > 0}
    best = BLEND if BLEND in fit else next(iter(fit))
    for name, score in fit.items():
        if score["loss"] < fit[best]["loss"] - NOISE:
            best = name
    return best


def _gain(
    predicted: Mapping[str, np.ndarray], actual: np.ndarray, seed: int, rounds: int = 30
) -> dict[str, float] | None:
    """Loss of the trees without sentiment less that with it, and its standard error over resampled customers."""
    names = (MEAN, TREES, TREES + WITH_SENTIMENT)
    if names[-1] not in predicted:
        return None
    generator, gains = np.random.default_rng(seed), []
    for _ in range(rounds):
        rows = generator.integers(0, actual.size, actual.size)
        if actual[rows].sum() > 0:
            scores = _score({name: predicted[name][rows] for name in names}, actual[rows])
            gains.append(scores[names[1]]["loss"] - scores[names[2]]["loss"])
    whole = _score({name: predicted[name] for name in names}, actual)
    return {
        "loss_gain": whole[names[1]]["loss"] - whole[names[2]]["loss"],
        "standard_error": float(np.std(gains)) if gains else float("nan"),
        "gini_gain": whole[names[2]]["normalised_gini"] - whole[names[1]]["normalised_gini"],
    }
