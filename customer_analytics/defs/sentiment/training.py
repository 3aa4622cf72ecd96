"""From the collection CommentTraining to a champion: train when something changed, log, compare, promote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customer_analytics.resources.model_registry import ModelRegistry, ModelVersion
from customer_analytics.resources.vector_store import VectorStore
from customer_analytics.sentiment.promotion import Decision, decide
from customer_analytics.sentiment.training_set import NotEnoughToLearn, TrainingSet, training_set
from customer_analytics.tables import COMMENT_TRAINING

if TYPE_CHECKING:
    from customer_analytics.sentiment.competition import Result
    from customer_analytics.sentiment.evaluation import Scores

MODEL = "SENTIMENT_CLASSIFIER"
CODE_VERSION = "1"
"""Raise it when the same texts would give another model."""


@dataclass(frozen=True)
class Training:
    """What one run of the training asset came to."""

    data: TrainingSet
    champion: ModelVersion | None
    decision: str
    """What was done and why, in a sentence"""
    trained: ModelVersion | None = None
    """The version made from the present data, whether in this run or before"""
    champion_scores: Scores | None = None
    """The champion on the present holdout; None where it cannot be judged"""
    not_enough: str | None = None
    """Why nothing can be learned, or None"""
    refused: str | None = None
    """Why the champion must not score the collection, or None"""
    positive: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Probabilities for the rows of the holdout, by version, for the plots"""


def train_and_promote(store: VectorStore, registry: ModelRegistry, seed: int, floor: float) -> Training:
    """Train, log and judge when data, code or embedding model changed; judge the champion in any case.

    A version from the same data and code is not trained again, and one that was judged once is not judged again
    by the same floor: a rollback therefore stays until something changes.
    """
    data = read_training_set(store)
    try:
        data.require_enough()
    except NotEnoughToLearn as reason:
        champion = registry.champion(MODEL)
        return Training(data, champion, f"Nothing was trained. {reason}.", not_enough=str(reason))
    code = f"{CODE_VERSION}.{seed}"
    trained = registry.trained_already(MODEL, data.fingerprint, code)
    fresh = trained is None
    trained = trained or _train(registry, data, seed, code)
    if trained.metrics.get("judged_by_floor") == floor:
        judged = trained.metrics.get("decision")
        decision = f"Nothing has changed since {trained.version}: nothing was trained or logged. Then: {judged}"
    else:
        decision = _judge(registry, data, trained, floor).reason
        decision = f"{trained.version} is {'new' if fresh else 'judged now'}: {decision}"
    return _with_champion(registry, data, registry.find(MODEL, trained.version), decision, floor)


def read_training_set(store: VectorStore) -> TrainingSet:
    """The labelled texts of CommentTraining with their vectors; empty where the collection is not there."""
    columns = [COMMENT_TRAINING.text, "label", "vector", "embedding_model"]
    batches = list(store.scan(COMMENT_TRAINING, columns)) if store.exists(COMMENT_TRAINING) else []
    texts = [text for batch in batches for text in batch.column(COMMENT_TRAINING.text).to_pylist()]
    labels = [label for batch in batches for label in batch.column("label").to_pylist()]
    models = sorted({model for batch in batches for model in batch.column("embedding_model").to_pylist()})
    if len(models) > 1:
        raise ValueError(f"CommentTraining holds vectors of {' and '.join(models)}: materialise it again")
    vectors = np.concatenate([matrix(batch) for batch in batches]) if texts else np.zeros((0, 0), np.float32)
    return training_set(texts, labels, vectors, models[0] if models else "")


def matrix(batch: Any) -> np.ndarray:
    """The vectors of a record batch, float32, shape (rows, dimension)."""
    column = batch.column("vector")
    return column.flatten().to_numpy(zero_copy_only=False).reshape(batch.num_rows, -1)


def _train(registry: ModelRegistry, data: TrainingSet, seed: int, code: str) -> ModelVersion:
    import pandas as pd

    from customer_analytics.sentiment import estimators
    from customer_analytics.sentiment.competition import compete

    result = compete(data, seed)
    sample = pd.DataFrame(
        {
            estimators.TEXT: ["Works well, my daughter loves it!", "Broke on the first day."],
            estimators.VECTOR: [data.vectors[i].astype(float).tolist() for i in range(2)],
        }
    )
    return registry.log(
        MODEL,
        result.model,
        metrics=_metrics(data, result, seed),
        data_hash=data.fingerprint,
        code_version=code,
        sample_input=sample,
        comment=f"{result.model.candidate}, trained on {len(data.pool)} texts; AUC {result.held_out.auc:.4f} held out",
        code=[estimators],
    )


def _metrics(data: TrainingSet, result: Result, seed: int) -> dict[str, Any]:
    return {
        "candidate": result.model.candidate,
        "embedding_model": data.embedding_model,
        "seed": seed,
        "training_rows": len(data.pool),
        **result.held_out.as_metrics("holdout"),
        "cross_validated": {n: s.as_metrics("cv") for n, s in result.cross_validated.items()},
    }


def _judge(registry: ModelRegistry, data: TrainingSet, challenger: ModelVersion, floor: float) -> Decision:
    champion = registry.champion(MODEL)
    rival = None
    if champion is not None and champion.metrics.get("embedding_model") == data.embedding_model:
        rival = _scores(registry, data, champion)[0]
    decision = decide(_scores(registry, data, challenger)[0], rival, floor)
    if decision.promoted:
        registry.promote(MODEL, challenger.version)
    registry.note(MODEL, challenger.version, "decision", decision.reason)
    registry.note(MODEL, challenger.version, "judged_by_floor", floor)
    return decision


def _scores(registry: ModelRegistry, data: TrainingSet, version: ModelVersion) -> tuple[Scores, np.ndarray]:
    from customer_analytics.sentiment.evaluation import evaluate

    holdout = data.holdout
    positive = registry.load(MODEL, version.version).positive(holdout.texts, holdout.vectors)
    return evaluate(holdout.labels, positive), positive


def _with_champion(
    registry: ModelRegistry, data: TrainingSet, trained: ModelVersion, decision: str, floor: float
) -> Training:
    champion = registry.champion(MODEL)
    if champion is None:
        refused = f"No version of {MODEL} has reached the floor ({decision}): label more or better texts"
        return Training(data, None, decision, trained, refused=refused)
    if (refused := wrong_embeddings(champion, data.embedding_model)) is not None:
        return Training(data, champion, decision, trained, refused=refused)
    scores, positive = _scores(registry, data, champion)
    shown = {f"champion {champion.version}": positive}
    if trained.version != champion.version:
        shown[f"challenger {trained.version}"] = _scores(registry, data, trained)[1]
    refused = None
    if scores.auc < floor:
        refused = (
            f"The champion {champion.version} has AUC {scores.auc:.4f} on the holdout, below the floor {floor:.4f}"
        )
    return Training(data, champion, decision, trained, scores, refused=refused, positive=shown)


def wrong_embeddings(champion: ModelVersion, embedding_model: str) -> str | None:
    """Why this champion cannot score vectors of this embedding model, or None."""
    learned = champion.metrics.get("embedding_model")
    if learned == embedding_model:
        return None
    return (
        f"{MODEL} {champion.version} was trained on vectors of {learned}, the collection holds those of "
        f"{embedding_model}: materialise {COMMENT_TRAINING.name} and {MODEL} again"
    )
