"""Seconds of training and scoring. Labelled texts: a Parquet file with review_text and label.

python -m benchmarks.models sentiment LABELLED.parquet [--rows 2000] [--score 12638] [--nested] [--json]
python -m benchmarks.models scoring LABELLED.parquet [--score 12638] [--json]
python -m benchmarks.models lifetime-value [--customers 10000] [--score 1000000] [--json]
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

app = typer.Typer(add_completion=False)


@app.command()
def sentiment(
    labelled: Annotated[Path, typer.Argument(help="Parquet with review_text and label")],
    rows: Annotated[int, typer.Option(help="Texts to train on")] = 2000,
    score: Annotated[int, typer.Option(help="Texts to score")] = 12_638,
    nested: Annotated[bool, typer.Option(help="Also the honest figures: all of it in five outer folds")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Embedding is not timed: training and scoring get their vectors from the store."""
    import pyarrow.parquet as pq

    from customer_analytics.resources.embedder import embedder_from
    from customer_analytics.sentiment.competition import compete
    from customer_analytics.sentiment.training_set import training_set
    from customer_analytics.settings import Settings

    settings = Settings()
    table = pq.read_table(labelled).slice(0, rows)
    columns = {name.lower(): table.column(name).to_pylist() for name in table.column_names}
    embedder = embedder_from(settings)
    vectors = embedder.embed(columns["review_text"])
    data = training_set(columns["review_text"], columns["label"], vectors, embedder.model)
    began = time.perf_counter()
    result = compete(data, settings.seed)
    figures: dict[str, Any] = {"training_texts": len(data), "training_seconds": time.perf_counter() - began}
    figures |= {"winner": result.model.candidate, **result.held_out.as_metrics("holdout")}
    which = np.arange(score) % len(data)
    began = time.perf_counter()
    for start in range(0, score, 2000):
        part = which[start : start + 2000]
        result.model.positive(data.texts[part], data.vectors[part])
    figures |= {"scored_texts": score, "model_seconds": time.perf_counter() - began}
    if nested:
        figures |= _nested(data, settings.seed)
    _print(figures, as_json)


@app.command()
def scoring(
    labelled: Annotated[Path, typer.Argument(help="Parquet with review_text and label")],
    score: Annotated[int, typer.Option(help="Comments to score")] = 12_638,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """PRED_TWITTER_COMMENTS through Dagster, from the scan of the collection to the table, in a home of its own.

    Vectors are drawn at random and every comment is a new text, so none is recalled: the time is what matters here.
    """
    import datetime as dt
    import tempfile

    import dagster as dg
    import pyarrow as pa
    import pyarrow.parquet as pq

    from customer_analytics.defs.sentiment.predictions import pred_twitter_comments
    from customer_analytics.defs.sentiment.training import train_and_promote
    from customer_analytics.local_snowflake import lifecycle
    from customer_analytics.resources import build_resources
    from customer_analytics.resources.vector_store import sync
    from customer_analytics.resources.vector_store.rows import property_rows
    from customer_analytics.settings import Settings
    from customer_analytics.tables import COMMENT_TRAINING, CUSTOMER_COMMENT

    random = np.random.default_rng(0)

    def embed(texts: Any) -> np.ndarray:
        vectors = random.normal(size=(len(texts), 384)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    table = pq.read_table(labelled)
    columns = {name.lower(): table.column(name).to_pylist() for name in table.column_names}
    texts, labels = columns["review_text"][:2000], [str(label) for label in columns["label"][:2000]]
    said = [f"{texts[i % len(texts)]} {i}" for i in range(score)]
    learnt = pa.table({"review_text": texts, "label": labels})
    days = [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * score
    comments = pa.table({"customer_id": list(range(score)), "date": days, "review_text": said})
    with tempfile.TemporaryDirectory() as home:
        resources = build_resources(Settings(customer_analytics_home=Path(home), source_uri=home))
        store = resources["vector_store"]
        for collection, rows in ((COMMENT_TRAINING, learnt), (CUSTOMER_COMMENT, comments)):
            sync(store, collection, property_rows(collection, rows), embed, model="drawn", dimension=384)
        train_and_promote(store, resources["model_registry"], 0, 0.5)
        began = time.perf_counter()
        result = dg.materialize([pred_twitter_comments], resources=resources, instance=dg.DagsterInstance.ephemeral())
        seconds = time.perf_counter() - began
        metadata = result.asset_materializations_for_node("PRED_TWITTER_COMMENTS")[0].metadata
        took = result.get_step_success_events()[0].step_success_data.duration_ms or 0
        figures = {"scored_rows": metadata["rows_scored"].value, "step_seconds": took / 1000, "run_seconds": seconds}
        resources["warehouse"].close()
        lifecycle.stop(resources["warehouse"].folder)
    _print(figures, as_json)


@app.command()
def lifetime_value(
    customers: Annotated[int, typer.Option(help="Customers to train on")] = 10_000,
    score: Annotated[int, typer.Option(help="Customers to score")] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Made-up features with sentiment, so all candidates compete; queries are not timed. Memory is this process's."""
    import datetime as dt
    import resource

    from customer_analytics.lifetime_value.scoring import BATCH, scored
    from customer_analytics.lifetime_value.training import gather, train

    def features(cut: dt.date, horizon: int | None) -> Any:
        return _customers(customers, cut.toordinal(), horizon)

    material = gather(features, dt.date(2026, 1, 1), 182)
    began = time.perf_counter()
    training = train(material, 182, 20180409)
    figures: dict[str, Any] = {
        "training_customers": customers,
        "training_seconds": time.perf_counter() - began,
        "winner": training.chosen,
        "candidates": len(training.scores),
        "peak_mb_before_scoring": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    began = time.perf_counter()
    parts = range(0, score, BATCH)
    batches = (_customers(min(BATCH, score - start), start, None, start) for start in parts)
    table = scored(batches, training.model, dt.date(2026, 1, 1), "V1")
    figures |= {"scored_customers": table.num_rows, "scoring_seconds": time.perf_counter() - began}
    figures["table_mb"] = table.nbytes / 2**20
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _print(figures, as_json)


def _customers(count: int, seed: int, horizon_days: int | None, first_id: int = 0) -> Any:
    """Features of customers seen for up to two years."""
    import pandas as pd

    random = np.random.default_rng(seed)
    tenure = random.integers(1, 730, count)
    rate, value = random.gamma(0.8, 1 / 60, count), random.gamma(4, 12, count)
    alive = np.minimum(tenure, random.exponential(400, count))
    frequency = np.minimum(random.poisson(rate * alive), tenure)
    recency = np.where(frequency > 0, (alive * random.beta(4, 1, count)).astype(int), 0)
    recency = np.clip(recency, np.minimum(frequency, tenure), tenure)
    frame = {
        "customer_id": np.arange(first_id, first_id + count),
        "frequency": frequency,
        "recency_days": recency,
        "tenure_days": tenure,
        "monetary_value": value * random.gamma(9, 1 / 9, count),
        "order_count": frequency + 1,
        "returned_orders": random.poisson(0.1, count),
        "amount_last_90_days": np.where(tenure - recency < 90, value, 0),
        "orders_last_90_days": (tenure - recency < 90) * 1,
        "mean_gap_days": recency / np.maximum(frequency, 1),
        "mrr": np.where(random.random(count) < 0.3, 20.0, np.nan),
        "subscribed_months": random.integers(0, 12, count),
        "comment_count": random.poisson(2, count),
        "sentiment": random.random(count),
        "call_count": np.nan,
        "call_sentiment": np.nan,
        "first_touch_channel": random.choice(np.array(["google", "facebook", "direct"], dtype=object), count),
    }
    features = pd.DataFrame(frame)
    features["total_amount"] = features["monetary_value"] * (frequency + 1)
    if horizon_days is not None:
        staying = alive >= tenure
        features["target"] = random.poisson(rate * horizon_days * staying) * value
    return features


def _print(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        typer.echo(f"{name:32} {value:.4f}" if isinstance(value, float) else f"{name:32} {value}")


def _nested(data: Any, seed: int) -> dict[str, float]:
    """The whole procedure, choice of candidate included, on texts that none of it saw."""
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    from customer_analytics.sentiment.competition import fit_best
    from customer_analytics.sentiment.evaluation import evaluate

    positive = np.zeros(len(data))
    with threadpool_limits(1):
        for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(data.texts, data.labels):
            model = fit_best(data.rows(train), seed)[0]
            positive[test] = model.positive(data.texts[test], data.vectors[test])
    return evaluate(data.labels, positive).as_metrics("nested")


if __name__ == "__main__":
    app()
