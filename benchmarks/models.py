"""Seconds of training and scoring. Labelled texts: a Parquet file with review_text and label.

python -m benchmarks.models LABELLED.parquet [--rows 2000] [--score 12638] [--nested] [--json]
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer


def main(
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
    if as_json:
        typer.echo(json.dumps(figures))
    else:
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
    typer.run(main)
