"""CUSTOMER_LTV: the predictor of spend that a backtest on the user's own data chose, and the gate behind it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import dagster as dg

from customer_analytics.defs.lifetime_value.training import (
    CODE_VERSION,
    MODEL,
    Trained,
    reference_of,
    train_and_promote,
)
from customer_analytics.lifetime_value.promotion import LEAST, MOST
from customer_analytics.resources.model_registry import ModelRegistry, ModelVersion
from customer_analytics.settings import Settings
from customer_analytics.table_assets import OWNERS, SnowparkFrame
from customer_analytics.transforms.lifetime_value import Sources

GATE = "champion_is_good_enough"
TRAINED, FLOOR = "trained_version", "floor"
INS = {part.name: dg.AssetIn(key=part.name.upper()) for part in fields(Sources)}


@dg.asset(
    name=MODEL,
    group_name="lifetime_value",
    description="The lifetime-value model in the registry: the best predictor of spend in a backtest on this data.",
    ins=INS,
    deps=["AS_OF"],
    kinds={"snowflake", "lightgbm"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    check_specs=[
        dg.AssetCheckSpec(
            GATE,
            asset=MODEL,
            blocking=True,
            description="The champion reaches LTV_MIN_GINI in its backtest, knows nothing later than the reference "
            f"date, and predicts at most {MOST:g} times what was spent per day.",
        )
    ],
)
def customer_ltv(
    context,  # Dagster wants its annotation as a type, or none; here annotations are strings
    orders: SnowparkFrame,
    mrr: SnowparkFrame,
    stg_sessions: SnowparkFrame,
    pred_twitter_comments: SnowparkFrame,
    pred_customer_calls: SnowparkFrame,
    call_transcripts: SnowparkFrame,
    settings: dg.ResourceParam[Settings],
    model_registry: dg.ResourceParam[ModelRegistry],
) -> dg.MaterializeResult:
    sources = Sources(orders, mrr, stg_sessions, pred_twitter_comments, pred_customer_calls, call_transcripts)
    reference = reference_of(orders, settings.reference_date)
    if reference is None:
        return _nothing("No order before the reference date: there is nothing to learn from.")
    trained = train_and_promote(sources, reference, settings, model_registry, _decided_last(context))
    champion = trained.champion.version if trained.champion else "none"
    return dg.MaterializeResult(
        metadata={
            **_figures(trained.champion or trained.version),
            "decision": trained.decision,
            "model_version": champion,
            TRAINED: trained.version.version,
            FLOOR: settings.ltv_min_gini,
            **_contest(trained.version),
        },
        data_version=dg.DataVersion(f"{champion} {reference.date}"),
        check_results=[_gate(trained, settings.ltv_min_gini)],
    )


def _nothing(reason: str) -> dg.MaterializeResult:
    check = dg.AssetCheckResult(check_name=GATE, passed=True, description="Nothing is predicted.")
    return dg.MaterializeResult(metadata={"reason": reason}, data_version=dg.DataVersion("none"), check_results=[check])


def _gate(trained: Trained, floor: float) -> dg.AssetCheckResult:
    ratio: dict[str, Any] = {} if trained.ratio is None else {"ratio": trained.ratio, "least": LEAST, "most": MOST}
    told = "" if trained.ratio is None else f": it predicts {trained.ratio:.2f} times what was spent per day"
    return dg.AssetCheckResult(
        check_name=GATE,
        passed=trained.refused is None,
        description=trained.refused or f"{trained.decision}{told}",
        metadata={FLOOR: floor, **ratio},
    )


def _decided_last(context: dg.AssetExecutionContext) -> tuple[str, float] | None:
    """The version of the data of this asset's last run, and the floor then."""
    event = context.instance.get_latest_materialization_event(context.asset_key)
    metadata = event.asset_materialization.metadata if event and event.asset_materialization else {}
    if TRAINED not in metadata or FLOOR not in metadata:
        return None
    return str(metadata[TRAINED].value), float(metadata[FLOOR].value)  # pyright: ignore[reportArgumentType]


def _figures(version: ModelVersion) -> dict[str, Any]:
    """What was logged with a version, and its own scores in the backtest."""
    figures = dict(version.metrics)
    chosen = (figures.pop("scores", None) or {}).get(figures.get("candidate"), {})
    shown: dict[str, Any] = {
        key: value for key, value in {**figures, **chosen}.items() if isinstance(value, str | int | float)
    }
    if figures.get("sentiment_gain"):
        shown["sentiment_gain"] = dg.MetadataValue.json(figures["sentiment_gain"])
    return shown


def _contest(version: ModelVersion) -> dict[str, Any]:
    scores = version.metrics.get("scores")
    if not scores:
        return {}
    return {"comparison": dg.MetadataValue.md(comparison(scores, str(version.metrics.get("candidate"))))}


def comparison(scores: dict[str, dict[str, Any]], chosen: str) -> str:
    """The backtest as a table, best first; the chosen one is marked."""
    names = ("normalised_gini", "total_error", "top_decile_share", "mae", "rmse", "spearman", "loss")
    lines = ["| predictor | " + " | ".join(n.replace("_", " ") for n in names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, score in sorted(scores.items(), key=lambda item: item[1]["loss"]):
        cells = ["" if score[n] is None else f"{score[n]:.3f}" for n in names]
        lines.append(f"| {f'**{name}**' if name == chosen else name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
