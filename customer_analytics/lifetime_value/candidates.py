"""The competing predictors of spend. Each is fitted on what was known before a day, and predicts the days after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from customer_analytics.lifetime_value.buy_till_you_die import (
    ENOUGH,
    PRIOR_SD,
    BgNbd,
    History,
    ParetoNbd,
)
from customer_analytics.lifetime_value.gamma_gamma import GammaGamma

if TYPE_CHECKING:
    import pandas as pd

NUMERIC = (
    "frequency",
    "recency_days",
    "tenure_days",
    "monetary_value",
    "total_amount",
    "order_count",
    "returned_orders",
    "amount_last_90_days",
    "orders_last_90_days",
    "mean_gap_days",
    "mrr",
    "subscribed_months",
)
SENTIMENT = ("comment_count", "sentiment", "call_count", "call_sentiment")
MEAN, RATE = "mean", "naive rate"
BG, PARETO = "BG/NBD x gamma-gamma", "Pareto/NBD x gamma-gamma"
TREES, TWO_STAGE = "LightGBM", "two-stage LightGBM"
CORRECTED = "Pareto/NBD corrected by LightGBM"
BLEND = "Pareto/NBD + corrected + LightGBM"
WITH_SENTIMENT = " with sentiment"
MAX_CHANNELS = 30
TREE_ROUNDS, TREE_SEEDS = 100, 12
"""The mean over several seeds takes the luck of the draw out; two stages share the seeds between them."""
CORRECTING_ROUNDS = 30
"""Few, because what is corrected is good already."""
SMALL = 50_000
"""On fewer rows threads wait for each other longer than they work, a hundred times longer on a busy machine."""
TREE_ROWS = 200_000
"""Trees learn from at most so many customers; more change nothing but the time."""
MINIMUM_SPEND = 1e-6
"""Dollars; where a logarithm needs something"""
MIN_TREE_ROWS, MIN_TREE_SPENDERS = 300, 30
"""Earlier days with fewer customers, or fewer of them who then spent, teach trees nothing."""


@dataclass(frozen=True)
class Snapshot:
    """What was known of each customer before a day (`transforms.lifetime_value.customer_features`, lower-case
    columns), and what they spent in the `horizon_days` from it (`target`)."""

    features: pd.DataFrame
    horizon_days: int


class Candidate(Protocol):
    @property
    def name(self) -> str: ...

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        """Dollars per customer in the next `horizon_days`."""
        ...


@dataclass
class MeanSpend:
    """Everybody spends as much per day as the mean customer did in the earlier days' horizons."""

    per_day: float = 0.0
    name: str = MEAN

    @staticmethod
    def fit(past: Sequence[Snapshot]) -> MeanSpend:
        spent = sum(float(s.features["target"].sum()) / s.horizon_days for s in past)
        people = sum(len(s.features) for s in past)
        return MeanSpend(max(spent / people, 0.0) if people else 0.0)

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        return np.full(len(features), self.per_day * horizon_days)


@dataclass
class NaiveRate:
    """Everybody goes on at their own rate. A rate over less than a month is taken over a month."""

    name: str = RATE

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        days = np.maximum(features["tenure_days"].to_numpy(float), 30)
        return np.maximum(features["total_amount"].to_numpy(float), 0) / days * horizon_days


@dataclass
class BuyTillYouDie:
    """How often they buy (BG/NBD or Pareto/NBD) times what a purchase is worth (gamma-gamma on all orders)."""

    model: BgNbd | ParetoNbd
    value: GammaGamma

    @property
    def name(self) -> str:
        return BG if isinstance(self.model, BgNbd) else PARETO

    @staticmethod
    def fit(family: type[BgNbd] | type[ParetoNbd], now: pd.DataFrame) -> BuyTillYouDie:
        """Raises ValueError where no customer has an order of a positive value."""
        x, t_x, T = history_of(now)
        prior = PRIOR_SD if len(now) < ENOUGH else None
        value = GammaGamma.fit(x + 1, now["monetary_value"].to_numpy(float), prior)
        return BuyTillYouDie(family.fit(History.of(x, t_x, T)), value)

    def expected_purchases(self, features: pd.DataFrame, horizon_days: float) -> np.ndarray:
        return self.model.expected_purchases(horizon_days, *history_of(features))

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        purchases, mean = features["frequency"].to_numpy(float) + 1, features["monetary_value"].to_numpy(float)
        return self.expected_purchases(features, horizon_days) * self.value.expected_value(purchases, mean)


@dataclass
class Trees:
    """LightGBM on pooled earlier days.

    `kind` is TREES: dollars; TWO_STAGE: whether they spend, times how much when they do; or CORRECTED: a factor on the
    Pareto/NBD prediction, by a Tweedie likelihood, which knows that many spend nothing and few spend much.
    """

    level: BuyTillYouDie
    """Knows how much all spend in all. Trees learn from earlier days, when everybody was newer and bought more."""
    sentiment: bool = False
    kind: str = TREES
    seed: int = 0
    horizon_days: int = 0
    scale: float = 1.0
    channels: list[str] = field(default_factory=list)
    stages: list[list[Any]] = field(default_factory=list)
    """The boosters of each stage; those of one stage differ in their seed, and their mean counts."""

    @property
    def name(self) -> str:
        return self.kind + (WITH_SENTIMENT if self.sentiment else "")

    def fit(self, now: pd.DataFrame, past: Sequence[Snapshot]) -> Trees:
        """Learn from the `past`; `now` sets the sum of all predictions."""
        import lightgbm as lgb
        import pandas as pd

        self.horizon_days = past[0].horizon_days
        rows = pd.concat([s.features for s in past], ignore_index=True)
        if len(rows) > TREE_ROWS:
            rows = rows.sample(TREE_ROWS, random_state=self.seed)
        known = Counter(name for name in rows["first_touch_channel"] if isinstance(name, str))
        self.channels = sorted(name for name, _ in known.most_common(MAX_CHANNELS))
        X, y = self._matrix(rows), rows["target"].to_numpy(float)
        parameters = {
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_data_in_leaf": max(20, len(rows) // 100),
            "lambda_l2": 10.0,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": _threads(len(rows)),
            "verbose": -1,
        }

        def train(objective: str, rows: np.ndarray, target: np.ndarray, start: np.ndarray | None = None) -> list[Any]:
            data = lgb.Dataset(
                X[rows], target, init_score=start, categorical_feature=[X.shape[1] - 1], free_raw_data=False
            )
            seeds = range(self.seed, self.seed + TREE_SEEDS // (2 if self.kind == TWO_STAGE else 1))
            each = [parameters | {"objective": objective, "seed": seed} for seed in seeds]
            rounds = TREE_ROUNDS if start is None else min(CORRECTING_ROUNDS, TREE_ROUNDS)
            return [lgb.train(one, data, num_boost_round=rounds) for one in each]

        everybody = np.ones(len(y), bool)
        if self.kind == CORRECTED:
            parameters |= {"tweedie_variance_power": 1.7}
            expected = self._expected(rows)
            # A refund may leave less than nothing, for which there is no such likelihood.
            spent = np.maximum(y, 0.0)
            start = np.log(expected * max(spent.sum(), MINIMUM_SPEND) / expected.sum())
            self.stages = [train("tweedie", everybody, spent, start)]
        elif self.kind == TWO_STAGE:
            spenders = y > 0
            self.stages = [
                train("binary", everybody, spenders.astype(float)),
                train("regression", spenders, y[spenders]),
            ]
        else:
            self.stages = [train("regression", everybody, y)]
        learnt = float(self._shape(now).sum())
        if learnt > 0:
            self.scale = float(self.level.predict(now, self.horizon_days).sum()) / learnt
        return self

    def _matrix(self, features: pd.DataFrame) -> np.ndarray:
        columns = [*NUMERIC, *(SENTIMENT if self.sentiment else ())]
        numbers = features[columns].to_numpy(float)
        code = {name: float(i) for i, name in enumerate(self.channels)}
        channel = np.array([code.get(name, -1.0) for name in features["first_touch_channel"]], dtype=float)
        expected = self.level.predict(features, self.horizon_days)
        return np.column_stack([numbers, expected, np.where(channel < 0, np.nan, channel)])

    def _expected(self, features: pd.DataFrame) -> np.ndarray:
        return np.maximum(self.level.predict(features, self.horizon_days), MINIMUM_SPEND)

    def _shape(self, features: pd.DataFrame) -> np.ndarray:
        X, threads, raw = self._matrix(features), _threads(len(features)), self.kind == CORRECTED
        means = [
            np.mean([b.predict(X, num_threads=threads, raw_score=raw) for b in stage], axis=0) for stage in self.stages
        ]
        if raw:
            return self._expected(features) * np.exp(means[0])
        return np.maximum(np.prod(means, axis=0), 0.0)

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        if horizon_days == self.horizon_days:
            return self._shape(features) * self.scale
        # Each customer's spend over the days learnt from, stretched by how many more purchases to expect in more days.
        few = self.level.expected_purchases(features, self.horizon_days)
        stretch = self.level.expected_purchases(features, horizon_days) / np.maximum(few, 1e-12)
        return self._shape(features) * self.scale * stretch


@dataclass
class Blend:
    """The mean of a probability model, which knows how customers leave and counts twice, of itself corrected by trees,
    and of trees, which know everything else. Averages of unlike forecasts err less than most of their parts
    (Bates and Granger 1969)."""

    first: BuyTillYouDie
    others: tuple[Trees, ...]

    @property
    def name(self) -> str:
        return BLEND + (WITH_SENTIMENT if self.others[0].sentiment else "")

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        each = [self.first, self.first, *self.others]
        return np.mean([one.predict(features, horizon_days) for one in each], axis=0)


def history_of(features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, t_x, T) in days."""
    x, t_x, T = (features[c].to_numpy(float) for c in ("frequency", "recency_days", "tenure_days"))
    return x, t_x, np.maximum(T, t_x)


def _threads(rows: int) -> int:
    """For LightGBM; 0 is as many as there are cores."""
    return 1 if rows < SMALL else 0


class Candidates:
    """Every candidate by name, fitted when first asked for; what several rest on is fitted once.

    `now` holds the features of the day itself, `past` those of earlier days with what followed them.
    """

    def __init__(self, now: pd.DataFrame, past: Sequence[Snapshot], seed: int) -> None:
        self._now, self._past, self._seed = now, past, seed
        self._fitted: dict[str, Candidate] = {}

    @property
    def names(self) -> list[str]:
        """Simplest first. Trees need enough in the earlier days, those with sentiment need some sentiment there."""
        rows = sum(len(s.features) for s in self._past)
        spenders = sum(int((s.features["target"] > 0).sum()) for s in self._past)
        names = [MEAN, RATE, BG, PARETO]
        if rows < MIN_TREE_ROWS or spenders < MIN_TREE_SPENDERS:
            return names
        trees = [BLEND, CORRECTED, TREES, TWO_STAGE]
        feelings = any(s.features[["sentiment", "call_sentiment"]].notna().any(axis=None) for s in self._past)
        return [*names, *trees, *(name + WITH_SENTIMENT for name in trees if feelings)]

    def fitted(self, name: str) -> Candidate:
        if name not in self._fitted:
            self._fitted[name] = self._fit(name)
        return self._fitted[name]

    def _fit(self, name: str) -> Candidate:
        if name == MEAN:
            return MeanSpend.fit(self._past)
        if name == RATE:
            return NaiveRate()
        if name in (BG, PARETO):
            return BuyTillYouDie.fit(BgNbd if name == BG else ParetoNbd, self._now)
        pareto = self.fitted(PARETO)
        assert isinstance(pareto, BuyTillYouDie)
        kind, sentiment = name.removesuffix(WITH_SENTIMENT), name.endswith(WITH_SENTIMENT)
        if kind == BLEND:
            suffix = WITH_SENTIMENT if sentiment else ""
            parts = [self.fitted(part + suffix) for part in (CORRECTED, TREES)]
            return Blend(pareto, tuple(part for part in parts if isinstance(part, Trees)))
        return Trees(pareto, sentiment, kind, self._seed).fit(self._now, self._past)
