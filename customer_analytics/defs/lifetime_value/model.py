"""CUSTOMER_LTV: the predictor of spend that a backtest on the user's own data chose, in the model registry."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from customer_analytics.resources.model_registry import ModelRegistry, ModelVersion
from customer_analytics.settings import Settings
from customer_analytics.table_assets import OWNERS, SnowparkFrame
from customer_analytics.transforms.lifetime_value import FEATURES, customer_features

if TYPE_CHECKING:
    import pandas as pd
    from snowflake.snowpark import DataFrame

    from customer_analytics.lifetime_value.training import Material, Training

MODEL, CODE_VERSION = "CUSTOMER_LTV", "3"
OLD_DATA_DAYS = 30
"""Data whose newest order is older than this is judged from its own end, and not from AS_OF."""
TRAINING_CUSTOMERS = 200_000
"""Training looks at no more than about so many customers, chosen by a hash; all are scored."""
PLAUSIBLE = "predicted_total_is_plausible"
LOW, HIGH = 0.1, 5.0
TRAINED = "trained_version"
INPUTS = ("orders", "mrr", "stg_sessions", "pred_twitter_comments")


@dataclass(frozen=True)
class Reference:
    """The day from which the future is predicted, and the first day of that future."""

    date: dt.date
    cut: dt.date


def reference_of(orders: DataFrame, as_of: dt.date) -> Reference | None:
    """AS_OF, or the newest order's date before it when that is more than 30 days older; None without an order."""
    from snowflake.snowpark import functions as f

    newest: Any = orders.filter(f.col("order_date") < f.lit(as_of)).agg(f.max("order_date")).collect()[0][0]
    if newest is None:
        return None
    if (as_of - newest).days > OLD_DATA_DAYS:
        return Reference(newest, newest + dt.timedelta(days=1))
    return Reference(as_of, as_of)


@dg.asset(
    name=MODEL,
    group_name="lifetime_value",
    description="The lifetime-value model in the registry: the best predictor of spend in a backtest on this data.",
    ins={name: dg.AssetIn(key=name.upper()) for name in INPUTS},
    deps=["AS_OF"],
    kinds={"snowflake", "lightgbm"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    check_specs=[
        dg.AssetCheckSpec(
            PLAUSIBLE,
            asset=MODEL,
            blocking=True,
            description=f"Predicted spend per day is {LOW} to {HIGH} times that of the last horizon's days.",
        )
    ],
)
def customer_ltv(
    context,  # Dagster wants its annotation as a type, or none; here annotations are strings
    orders: SnowparkFrame,
    mrr: SnowparkFrame,
    stg_sessions: SnowparkFrame,
    pred_twitter_comments: SnowparkFrame,
    settings: dg.ResourceParam[Settings],
    model_registry: dg.ResourceParam[ModelRegistry],
) -> dg.MaterializeResult:
    reference = reference_of(orders, settings.reference_date)
    if reference is None:
        return _result("none", {"reason": "No order before the reference date: there is nothing to learn from."}, None)
    sources = (orders, mrr, stg_sessions, pred_twitter_comments)
    version = _trained(sources, reference, settings, model_registry)
    ratio = version.metrics.get("total_against_recent", 1.0)
    champion = _champion(version, ratio, _trained_last(context), model_registry)
    metadata = {**_figures(version), TRAINED: version.version, "model_version": champion}
    return _result(f"{champion} {reference.date}", metadata, ratio)


def _result(data_version: str, metadata: dict[str, Any], ratio: float | None) -> dg.MaterializeResult:
    check = dg.AssetCheckResult(
        check_name=PLAUSIBLE,
        passed=ratio is None or LOW <= ratio <= HIGH,
        description="Nothing was predicted." if ratio is None else f"{ratio:.2f} times what was spent per day lately.",
        metadata={} if ratio is None else {"ratio": ratio, "low": LOW, "high": HIGH},
    )
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(data_version), check_results=[check])


def _trained(
    sources: tuple[DataFrame, ...], reference: Reference, settings: Settings, registry: ModelRegistry
) -> ModelVersion:
    """The version for this data. Nothing is trained or logged when nothing changed."""
    from customer_analytics.lifetime_value.training import gather, train

    sample = _sampled(sources, reference)

    def features(cut: dt.date, horizon_days: int | None) -> pd.DataFrame:
        orders, mrr, sessions, comments = sample
        return as_pandas(customer_features(orders, mrr, sessions, comments, cut, horizon_days))

    material = gather(features, reference.cut, settings.ltv_horizon_days)
    data_hash = fingerprint(material, reference, settings)
    version = registry.trained_already(MODEL, data_hash, CODE_VERSION)
    if version is None:
        training = train(material, settings.ltv_horizon_days, settings.seed)
        version = _logged(training, material.now, data_hash, reference, registry)
    return version


def _champion(version: ModelVersion, ratio: float, last: str | None, registry: ModelRegistry) -> str:
    """The version that predicts: the one for this data, unless it is implausible, or unless nothing changed since
    the last run: then whatever somebody promoted or rolled back to stays."""
    champion = registry.champion(MODEL)
    if LOW <= ratio <= HIGH and (champion is None or last != version.version):
        champion = registry.promote(MODEL, version.version)
    return champion.version if champion else "none"


def _trained_last(context: dg.AssetExecutionContext) -> str | None:
    """The version that belonged to the data of the last run of this asset."""
    event = context.instance.get_latest_materialization_event(context.asset_key)
    found = event.asset_materialization.metadata.get(TRAINED) if event and event.asset_materialization else None
    return str(found.value) if found else None


def _sampled(sources: tuple[DataFrame, ...], reference: Reference) -> tuple[DataFrame, ...]:
    from snowflake.snowpark import functions as f

    orders = sources[0].filter(f.col("order_date") < f.lit(reference.cut))
    customers: Any = orders.agg(f.count_distinct("customer_id")).collect()[0][0]
    parts = -(-customers // TRAINING_CUSTOMERS)
    if parts > 1:
        orders = orders.filter(f.abs(f.hash(f.col("customer_id"))) % f.lit(parts) == f.lit(0))
    return (orders, *sources[1:])


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

    predicted = float(training.model.predict(now)["predicted_ltv"].sum()) / training.model.horizon_days
    recent = _recent_spend_per_day(now)
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
        "total_against_recent": predicted / recent if recent > 0 else 1.0,
    }
    return registry.log(
        MODEL,
        training.model,
        metrics=_as_json(metrics),
        data_hash=data_hash,
        code_version=CODE_VERSION,
        sample_input=sample.assign(first_touch_channel="direct"),
        comment=f"{training.chosen}, from {len(now)} customers before {reference.cut}",
        code=[buy_till_you_die, gamma_gamma, candidates, intervals, training_module],
        method="predict",
    )


def _recent_spend_per_day(now: pd.DataFrame) -> float:
    """Dollars per day of the last 90 days, or of the whole history when it is shorter."""
    days = min(90, max(1, int(now["tenure_days"].max()) + 1))
    return float(now["amount_last_90_days"].sum()) / days


def _as_json(value: Any) -> Any:
    """NaN and infinity, which JSON lacks, become None."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    return value


def _figures(version: ModelVersion) -> dict[str, Any]:
    figures = dict(version.metrics)
    scores = figures.pop("scores", None) or {}
    chosen = scores.get(figures.get("candidate"), {})
    shown: dict[str, Any] = {
        key: value for key, value in {**figures, **chosen}.items() if isinstance(value, str | int | float)
    }
    if scores:
        shown["comparison"] = dg.MetadataValue.md(comparison(scores, str(figures.get("candidate"))))
    if figures.get("sentiment_gain"):
        shown["sentiment_gain"] = dg.MetadataValue.json(figures["sentiment_gain"])
    return shown


def comparison(scores: dict[str, dict[str, Any]], chosen: str) -> str:
    """The backtest as a table, best first; the chosen one is marked."""
    names = ("normalised_gini", "total_error", "top_decile_share", "mae", "rmse", "spearman", "loss")
    lines = ["| predictor | " + " | ".join(n.replace("_", " ") for n in names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, score in sorted(scores.items(), key=lambda item: item[1]["loss"]):
        cells = ["" if score[n] is None else f"{score[n]:.3f}" for n in names]
        lines.append(f"| {f'**{name}**' if name == chosen else name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
