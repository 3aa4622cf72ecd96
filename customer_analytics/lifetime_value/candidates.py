"""The competing predictors of spend. Each is fitted on what was known before a day, and predicts the days after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from customer_analytics.lifetime_value.buy_till_you_die import (
    BgNbd,
    History,
    ParetoNbd,
    probability_of_purchase,
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
SENTIMENT = ("comment_count", "sentiment")
MAX_CHANNELS = 30
TREE_ROUNDS, TREE_SEEDS = 100, 3
TREE_ROWS = 200_000
"""Trees learn from at most so many customers; more change nothing but the time."""


@dataclass(frozen=True)
class Snapshot:
    """What was known of each customer before a day (`transforms.lifetime_value.customer_features`, lower-case
    columns), and what they spent in the `horizon_days` from it (`target`)."""

    features: pd.DataFrame
    horizon_days: int


class Candidate(Protocol):
    name: str

    def fit(self, now: pd.DataFrame, past: Sequence[Snapshot]) -> Candidate:
        """Learn from the features of the day itself, and from earlier days with what followed them."""
        ...

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        """Dollars per customer in the next `horizon_days`."""
        ...


@dataclass
class MeanSpend:
    """Everybody spends as much as the mean customer did per day so far."""

    name: str = "mean"
    per_day: float = 0.0

    def fit(self, now: pd.DataFrame, past: Sequence[Snapshot]) -> MeanSpend:
        spent = sum(float(s.features["target"].sum()) / s.horizon_days for s in past)
        people = sum(len(s.features) for s in past)
        if people:
            self.per_day = spent / people
        else:
            days = np.maximum(now["tenure_days"].to_numpy(float), 1)
            self.per_day = float(now["total_amount"].sum() / days.sum())
        return self

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        return np.full(len(features), self.per_day * horizon_days)


@dataclass
class NaiveRate:
    """Everybody goes on at their own rate. A rate over less than a month is taken over a month."""

    name: str = "naive rate"

    def fit(self, now: pd.DataFrame, past: Sequence[Snapshot]) -> NaiveRate:
        return self

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        days = np.maximum(features["tenure_days"].to_numpy(float), 30)
        return np.maximum(features["total_amount"].to_numpy(float), 0) / days * horizon_days


@dataclass
class BuyTillYouDie:
    """How often they buy (BG/NBD or Pareto/NBD) times what a purchase is worth (gamma-gamma on all orders)."""

    family: type[BgNbd] | type[ParetoNbd]
    model: BgNbd | ParetoNbd | None = None
    value: GammaGamma | None = None

    @property
    def name(self) -> str:
        return f"{'BG/NBD' if self.family is BgNbd else 'Pareto/NBD'} x gamma-gamma"

    def fit(self, now: pd.DataFrame, past: Sequence[Snapshot]) -> BuyTillYouDie:
        x, t_x, T = history_of(now)
        self.model = self.family.fit(History.of(x, t_x, T))
        prior = 0.7 if len(now) < 1000 else None
        self.value = GammaGamma.fit(x + 1, now["monetary_value"].to_numpy(float), prior)
        return self

    def expected_purchases(self, features: pd.DataFrame, horizon_days: float) -> np.ndarray:
        assert self.model is not None
        return self.model.expected_purchases(horizon_days, *history_of(features))

    def probability_active(self, features: pd.DataFrame, horizon_days: float) -> np.ndarray:
        assert self.model is not None
        return probability_of_purchase(self.model, horizon_days, *history_of(features))

    def purchase_value(self, features: pd.DataFrame) -> np.ndarray:
        assert self.value is not None
        return self.value.expected_value(
            features["frequency"].to_numpy(float) + 1, features["monetary_value"].to_numpy(float)
        )

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        return self.expected_purchases(features, horizon_days) * self.purchase_value(features)


@dataclass
class Trees:
    """LightGBM on pooled earlier days. `two_stage`: whether they spend, times how much when they do."""

    sentiment: bool = True
    two_stage: bool = False
    seed: int = 0
    horizon_days: int = 0
    scale: float = 1.0
    channels: list[str] = field(default_factory=list)
    stages: list[list[Any]] = field(default_factory=list)
    """The boosters of each stage; those of one stage differ in their seed, and their mean counts."""
    level: BuyTillYouDie | None = None
    """Knows how much all spend in all. Trees learn from earlier days, when everybody was newer and bought more."""

    @property
    def name(self) -> str:
        return ("two-stage LightGBM" if self.two_stage else "LightGBM") + (
            "" if self.sentiment else " without sentiment"
        )

    def fit(self, now: pd.DataFrame, past: Sequence[Snapshot]) -> Trees:
        import lightgbm as lgb
        import pandas as pd

        if not past:
            raise ValueError("There is no earlier day to learn from: the history is too short.")
        self.horizon_days = past[0].horizon_days
        self.level = BuyTillYouDie(ParetoNbd).fit(now, ())
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
            "verbose": -1,
        }

        def train(objective: str, rows: np.ndarray, target: np.ndarray) -> list[Any]:
            data = lgb.Dataset(X[rows], target, categorical_feature=[X.shape[1] - 1], free_raw_data=False)
            each = [parameters | {"objective": objective, "seed": self.seed + i} for i in range(TREE_SEEDS)]
            return [lgb.train(one, data, num_boost_round=TREE_ROUNDS) for one in each]

        everybody = np.ones(len(y), bool)
        if self.two_stage:
            spenders = y > 0
            self.stages = [
                train("binary", everybody, spenders.astype(float)),
                train("regression", spenders, y[spenders]),
            ]
        else:
            self.stages = [train("regression", everybody, y)]
        learnt = self._shape(now)
        self.scale = float(self.level.predict(now, self.horizon_days).sum() / max(learnt.sum(), 1e-9))
        return self

    def _matrix(self, features: pd.DataFrame) -> np.ndarray:
        columns = [*NUMERIC, *(SENTIMENT if self.sentiment else ())]
        numbers = features[columns].to_numpy(float)
        code = {name: float(i) for i, name in enumerate(self.channels)}
        channel = np.array([code.get(name, -1.0) for name in features["first_touch_channel"]], dtype=float)
        assert self.level is not None
        expected = self.level.predict(features, self.horizon_days)
        return np.column_stack([numbers, expected, np.where(channel < 0, np.nan, channel)])

    def _shape(self, features: pd.DataFrame) -> np.ndarray:
        X = self._matrix(features)
        return np.maximum(
            np.prod([np.mean([booster.predict(X) for booster in stage], axis=0) for stage in self.stages], axis=0), 0.0
        )

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        assert self.level is not None
        # Each customer's spend over the days learnt from, stretched by how many more purchases to expect in more days.
        few = self.level.expected_purchases(features, self.horizon_days)
        stretch = self.level.expected_purchases(features, horizon_days) / np.maximum(few, 1e-12)
        return self._shape(features) * self.scale * stretch


@dataclass
class Blend:
    """The mean of a probability model, which knows how customers leave, and of trees, which know everything else."""

    first: BuyTillYouDie = field(default_factory=lambda: BuyTillYouDie(ParetoNbd))
    second: Trees = field(default_factory=Trees)

    @property
    def name(self) -> str:
        return f"{self.first.name} + {self.second.name}"

    def fit(self, now: pd.DataFrame, past: Sequence[Snapshot]) -> Blend:
        self.first.fit(now, past)
        self.second.fit(now, past)
        return self

    def predict(self, features: pd.DataFrame, horizon_days: int) -> np.ndarray:
        return (self.first.predict(features, horizon_days) + self.second.predict(features, horizon_days)) / 2


def history_of(features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, t_x, T) in days."""
    x, t_x, T = (features[c].to_numpy(float) for c in ("frequency", "recency_days", "tenure_days"))
    return x, t_x, np.maximum(T, t_x)


def candidates(seed: int, trees: bool) -> list[Any]:
    """Every candidate, simplest first. Trees take part where there is an earlier day with enough customers."""
    simple = [MeanSpend(), NaiveRate(), BuyTillYouDie(BgNbd), BuyTillYouDie(ParetoNbd)]
    if not trees:
        return simple
    return [
        *simple,
        Trees(seed=seed),
        Trees(seed=seed, sentiment=False),
        Trees(seed=seed, two_stage=True),
        Blend(second=Trees(seed=seed)),
        Blend(second=Trees(seed=seed, sentiment=False)),
    ]
