"""SENTIMENT_CLASSIFIER: trained, compared, promoted; and the gate before everything that it scores."""

from typing import Any

import dagster as dg

from customer_analytics.defs.sentiment.training import CODE_VERSION, MODEL, Training, train_and_promote
from customer_analytics.resources.model_registry import ModelRegistry
from customer_analytics.resources.vector_store import VectorStore
from customer_analytics.settings import Settings
from customer_analytics.table_assets import OWNERS
from customer_analytics.tables import COMMENT_TRAINING

GATE, ENOUGH = "champion_is_good_enough", "there_is_enough_to_learn_from"


@dg.asset(
    name=MODEL,
    group_name="sentiment",
    description="The sentiment classifier in the model registry: candidates compete, the best challenges the champion.",
    deps=[COMMENT_TRAINING.name],
    kinds={"snowflake", "scikitlearn"},
    owners=OWNERS,
    code_version=CODE_VERSION,
    check_specs=[
        dg.AssetCheckSpec(
            GATE,
            asset=MODEL,
            blocking=True,
            description="The champion reaches SENTIMENT_MIN_AUC on texts that it never saw.",
        ),
        dg.AssetCheckSpec(ENOUGH, asset=MODEL, description="CommentTraining has enough texts of both classes."),
    ],
)
def sentiment_classifier(
    settings: dg.ResourceParam[Settings],
    vector_store: dg.ResourceParam[VectorStore],
    model_registry: dg.ResourceParam[ModelRegistry],
) -> dg.MaterializeResult:
    training = train_and_promote(vector_store, model_registry, settings.seed, settings.sentiment_min_auc)
    champion = training.champion.version if training.champion else "none"
    return dg.MaterializeResult(
        metadata={"decision": training.decision, "champion": champion, **_figures(training), **_pictures(training)},
        data_version=dg.DataVersion(champion),
        check_results=[_gate(training, settings.sentiment_min_auc), _enough(training)],
    )


def _gate(training: Training, floor: float) -> dg.AssetCheckResult:
    scores = training.champion_scores
    if training.refused:
        description = training.refused
    elif scores is None:
        description = "No champion could be judged, because there is not enough to learn from"
    else:
        description = f"AUC {scores.auc:.4f} on {scores.rows} texts held out, the floor is {floor:.4f}"
    metadata: dict[str, Any] = {"floor": floor, **({"auc": scores.auc} if scores else {})}
    return dg.AssetCheckResult(
        passed=training.refused is None, check_name=GATE, description=description, metadata=metadata
    )


def _enough(training: Training) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=training.not_enough is None,
        check_name=ENOUGH,
        severity=dg.AssetCheckSeverity.WARN,
        description=training.not_enough or f"{len(training.data)} distinct labelled texts",
        metadata={"texts": len(training.data)},
    )


def _figures(training: Training) -> dict[str, Any]:
    data = training.data
    figures: dict[str, Any] = {
        "training_texts": len(data.pool),
        "holdout_texts": len(data.holdout),
        "contradictory_texts": data.contradictory,
        "repeated_texts": data.repeated,
        "embedding_model": data.embedding_model or "none",
    }
    for role, version in (("champion", training.champion), ("trained", training.trained)):
        if version is not None:
            figures[f"{role}_as_logged"] = dg.MetadataValue.json(dict(version.metrics))
    if training.champion_scores:
        figures |= {f"champion_{name}": value for name, value in training.champion_scores.as_metrics("holdout").items()}
    if training.trained:
        figures["candidates"] = dg.MetadataValue.md(_comparison(training.trained.metrics))
    return figures


def _comparison(metrics: Any) -> str:
    """How the candidates did in cross-validation, best first; the winner is marked."""
    rows = sorted(metrics.get("cross_validated", {}).items(), key=lambda item: item[1]["cv_log_loss"])
    names = ("accuracy", "balanced_accuracy", "auc", "log_loss", "brier", "calibration_error")
    lines = ["| candidate | " + " | ".join(n.replace("_", " ") for n in names) + " |", "|---" * 7 + "|"]
    for name, scores in rows:
        shown = f"**{name}**" if name == metrics.get("candidate") else name
        lines.append(f"| {shown} | " + " | ".join(f"{scores[f'cv_{n}']:.4f}" for n in names) + " |")
    return "\n".join(lines)


def _pictures(training: Training) -> dict[str, Any]:
    from customer_analytics.sentiment.plots import calibration_plot, confusion_plot, roc_plot

    if not training.positive:
        return {}
    labels, positive = training.data.holdout.labels, training.positive
    return {
        "roc": dg.MetadataValue.md(roc_plot(labels, positive)),
        "calibration": dg.MetadataValue.md(calibration_plot(labels, positive)),
        "confusion": dg.MetadataValue.md(confusion_plot(labels, next(iter(positive.values())))),
    }
