"""How far a prediction may be off: the 10th and 90th percentile of what such customers really spent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ENOUGH = 300
"""Below so many customers in the backtest their spend says too little; the model's own chances are used."""


@dataclass(frozen=True)
class ObservedSpread:
    """What customers with such a prediction spent in the backtest, as multiples of the prediction, by its size."""

    centres: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def learn(cls, predicted: np.ndarray, actual: np.ndarray) -> ObservedSpread:
        """From the backtest: bins of about equal numbers of customers, ordered by prediction; equal ones together."""
        bins = int(np.clip(predicted.size // 100, 3, 20))
        order = np.argsort(predicted, kind="stable")
        _, first, which = np.unique(predicted[order], return_index=True, return_inverse=True)
        bin_of = (first * bins // predicted.size)[which]
        groups = [order[bin_of == b] for b in np.unique(bin_of)]
        means = np.array([max(predicted[g].mean(), 1e-9) for g in groups])
        low, high = (np.array([np.quantile(actual[g], q) for g in groups]) for q in (0.1, 0.9))
        return cls(means, low / means, high / means)

    def around(self, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(p10, p90) in dollars; p10 is never above the prediction's and p90 never below it."""
        share_low = np.interp(predicted, self.centres, self.low)
        share_high = np.interp(predicted, self.centres, self.high)
        return np.minimum(predicted * share_low, predicted), np.maximum(predicted * share_high, predicted)


def chances(
    purchases: np.ndarray, active: np.ndarray, value: np.ndarray, seed: int, draws: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """(p10, p90) by drawing: nothing with probability 1 - active, else at least one purchase, geometric in number,
    each of about the expected value. For few customers."""
    generator = np.random.default_rng(seed)
    when_active = np.maximum(purchases / np.maximum(active, 1e-9), 1.0)
    shape = (draws, purchases.size)
    number = generator.geometric(np.broadcast_to(1 / when_active, shape)) * (generator.random(shape) < active)
    spend = number * value * generator.gamma(4.0, 0.25, shape)
    return np.quantile(spend, 0.1, axis=0), np.quantile(spend, 0.9, axis=0)


def coverage(low: np.ndarray, high: np.ndarray, actual: np.ndarray) -> float:
    """The share of customers who spent within the interval, ends included."""
    return float(((actual >= low) & (actual <= high)).mean())


def observed_coverage(predicted: np.ndarray, actual: np.ndarray, seed: int) -> float:
    """What an interval learnt on half of the customers covers of the other half."""
    half = np.random.default_rng(seed).permutation(predicted.size)
    a, b = half[: half.size // 2], half[half.size // 2 :]
    shares = []
    for learn, judge in ((a, b), (b, a)):
        low, high = ObservedSpread.learn(predicted[learn], actual[learn]).around(predicted[judge])
        shares.append(coverage(low, high, actual[judge]))
    return float(np.mean(shares))
