"""From orders to a champion: train when something changed, log, compare with the champion, promote."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from customer_analytics.lifetime_value.promotion import decide, unfit
from customer_analytics.resources.model_registry import ModelRegistry, ModelVersion
from customer_analytics.settings import Settings
from customer_analytics.transforms.lifetime_value import FEATURES, Sources, customer_features

if TYPE_CHECKING:
    import pandas as pd
    from snowflake.snowpark import DataFrame

    from customer_analytics.lifetime_value.training import Material, Training

MODEL, CODE_VERSION = "CUSTOMER_LTV", "4"
"""Raise it when the same data would give another model."""
OLD_DATA_DAYS = 30
"""Data whose newest order is older than this is judged from its own end, and not from AS_OF."""
TRAINING_CUSTOMERS = 200_000
"""Training looks at no more than about so many customers, chosen by a hash; all are scored."""


@dataclass(frozen=True)
class Reference:
    """The day from which the future is predicted, and the first day of that future."""

    date: dt.date
    cut: dt.date


@dataclass(frozen=True)
class Trained:
    """What one run of the training asset came to."""

    version: ModelVersion
    """The version made from the present data, whether in this run or before"""
    champion: ModelVersion | None
    decision: str
    """What was done and why, in a sentence"""
    ratio: float | None
    """What the champion predicts per day against the past; None where there is nothing to compare with"""
    refused: str | None
    """Why the champion must not predict, or None"""


def reference_of(orders: DataFrame, as_of: dt.date) -> Reference | None:
    """AS_OF, or the newest order's date before it when that is more than 30 days older; None without an order."""
    from snowflake.snowpark import functions as f

    newest: Any = orders.filter(f.col("order_date") < f.lit(as_of)).agg(f.max("order_date")).collect()[0][0]
    if newest is None:
        return None
    if (as_of - newest).days > OLD_DATA_DAYS:
        return Reference(newest, newest + dt.timedelta(days=1))
    return Reference(as_of, as_of)


def train_and_promote(
    sources: Sources,
    reference: Reference,
    settings: Settings,
    registry: ModelRegistry,
    decided_last: tuple[str, float] | None,
) -> Trained:
    """Train and log when data, day, seed or code changed; promote by the evidence of the backtest.

    `decided_last` is the version of the last run's data and the floor then: when both are the same, whatever
    somebody promoted or rolled back to stays.
    """
    from customer_analytics.lifetime_value.training import gather, train

    floor = settings.ltv_min_gini
    material = gather(_features_of(sources, reference), reference.cut, settings.ltv_horizon_days)
    data_hash = fingerprint(material, reference, settings)
    version = registry.trained_already(MODEL, data_hash, CODE_VERSION)
    if version is None:
        training = train(material, settings.ltv_horizon_days, settings.seed)
        version = _logged(training, material.now, data_hash, reference, registry)
    champion = registry.champion(MODEL)
    if champion is not None and decided_last == (version.version, floor):
        decision = f"Nothing has changed since {version.version} was judged: {champion.version} stays"
    else:
        decided = decide(version.metrics, champion.metrics if champion else None, floor)
        champion = registry.promote(MODEL, version.version) if decided.promoted else champion
        decision = f"{version.version} is {decided.reason}"
    return _gated(version, champion, decision, material.now, reference, registry, floor)


def _gated(
    version: ModelVersion,
    champion: ModelVersion | None,
    decision: str,
    now: pd.DataFrame,
    reference: Reference,
    registry: ModelRegistry,
    floor: float,
) -> Trained:
    """The champion on the present data."""
    if champion is None:
        return Trained(version, None, decision, None, f"There is no champion to go on with ({decision})")
    if champion.version == version.version:
        ratio = version.metrics.get("total_against_past")
    else:
        ratio = total_against_past(registry.load(MODEL, champion.version), now)
    refused = unfit(champion.metrics, ratio, floor)
    if (champion.metrics.get("reference_date") or "") > reference.date.isoformat():
        refused = f"it was trained on what was known on {champion.metrics['reference_date']}, after {reference.date}"
    why = f"The champion {champion.version} must not predict: {refused}" if refused else None
    return Trained(version, champion, decision, ratio, why)


def _features_of(sources: Sources, reference: Reference) -> Callable[[dt.date, int | None], pd.DataFrame]:
    from snowflake.snowpark import functions as f

    orders = sources.orders.filter(f.col("order_date") < f.lit(reference.cut))
    customers: Any = orders.agg(f.count_distinct("customer_id")).collect()[0][0]
    parts = -(-customers // TRAINING_CUSTOMERS)
    if parts > 1:
        orders = orders.filter(f.abs(f.hash(f.col("customer_id"))) % f.lit(parts) == f.lit(0))
    sample = sources.with_orders(orders)
    return lambda cut, horizon_days: as_pandas(customer_features(sample, cut, horizon_days))


def as_pandas(features: DataFrame) -> pd.DataFrame:
    frame = features.to_pandas()
    frame = frame.rename(columns=str.lower)
    return frame.sort_values("customer_id", ignore_index=True)


def fingerprint(material: Material, reference: Reference, settings: Settings) -> str:
    """Of everything that training depends on but its code."""
    from pandas.util import hash_pandas_object

    hash_of: Any = hash_pandas_object
    digest = hashlib.sha256(f"{reference} {settings.ltv_horizon_days} {settings.seed}".encode())
    for frame in material.frames:
        hashes = hash_of(frame.astype({"first_touch_channel": str}), index=False)
        digest.update(f"{len(frame)} ".encode() + hashes.to_numpy().tobytes())
    return digest.hexdigest()


def _logged(
    training: Training, now: pd.DataFrame, data_hash: str, reference: Reference, registry: ModelRegistry
) -> ModelVersion:
    from customer_analytics.lifetime_value import buy_till_you_die, candidates, gamma_gamma, intervals
    from customer_analytics.lifetime_value import training as training_module

    judged = training.scores.get(training.chosen)
    told = f"; normalised Gini {judged['normalised_gini']:.3f} in the backtest" if judged else ", without a backtest"
    sample = now[list(FEATURES[:-1])].head(2).astype(float).fillna(0.0)
    metrics = {
        "candidate": training.chosen,
        "reason": training.reason,
        "reference_date": reference.date.isoformat(),
        "horizon_days": training.model.horizon_days,
        "customers": len(now),
        "backtest_days": training.backtest_days,
        "interval_coverage": training.coverage,
        "sentiment_gain": training.sentiment_gain,
        "sentiment_verdict": training.sentiment_verdict,
        "scores": training.scores,
        "total_against_past": total_against_past(training.model, now),
    }
    return registry.log(
        MODEL,
        training.model,
        metrics=_as_json(metrics),
        data_hash=data_hash,
        code_version=CODE_VERSION,
        sample_input=sample.assign(first_touch_channel="direct"),
        comment=f"{training.chosen}, from {len(now)} customers before {reference.cut}{told}",
        code=[buy_till_you_die, gamma_gamma, candidates, intervals, training_module],
        method="predict",
    )


def total_against_past(model: Any, now: pd.DataFrame) -> float | None:
    """Dollars predicted per day against those of the last 90 days or of the whole history, whichever is more; None
    where there was no spend."""
    days = max(1, int(now["tenure_days"].max()) + 1)
    past = max(now["amount_last_90_days"].sum() / min(90, days), now["total_amount"].sum() / days)
    predicted = float(model.predict(now)["predicted_ltv"].sum()) / model.horizon_days
    if not math.isfinite(predicted):
        raise ValueError(f"A {MODEL} predicts {predicted} dollars in all: look for amounts in ORDERS that cannot be")
    return predicted / float(past) if past > 0 else None


def _as_json(value: Any) -> Any:
    """NaN and infinity, which JSON lacks, become None."""
    if isinstance(value, Mapping):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value
