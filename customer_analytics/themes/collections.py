"""Themes from the vector store: the sample that they are fitted on, and every object with its theme."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from customer_analytics.tables import CUSTOMER_CALL, CUSTOMER_COMMENT
from customer_analytics.themes.clustering import Themes, in_sample
from customer_analytics.themes.labels import label_themes
from customer_analytics.themes.summary import ThemeSummary

if TYPE_CHECKING:
    from customer_analytics.resources.vector_store import VectorStore

SPOKEN = {"comment": CUSTOMER_COMMENT, "call": CUSTOMER_CALL}
_BATCH = 2_000


def sampled_vectors(store: VectorStore) -> tuple[np.ndarray, str | None]:
    """Vectors of comments and calls to fit themes on, shape (n, dimension), by id; and their embedding model."""
    present = [c for c in SPOKEN.values() if store.exists(c)]
    total = sum(store.count(c) for c in present)
    found: list[tuple[str, np.ndarray]] = []
    model = None
    for collection in present:
        for batch in store.scan(collection, ["id", "vector", "embedding_model"], batch_size=_BATCH):
            if not batch.num_rows:
                continue
            model = batch.column("embedding_model")[0].as_py()
            vectors = _matrix(batch)
            found += [
                (str(i), v)
                for i, v in zip(batch.column("id").to_pylist(), vectors, strict=True)
                if in_sample(str(i), total)
            ]
    found.sort(key=lambda pair: pair[0])  # the order of a scan is the store's own
    return (np.stack([v for _, v in found]) if found else np.empty((0, 0), dtype=np.float32)), model


def summarise_themes(store: VectorStore, themes: Themes, sentiments: Mapping[str, Mapping[str, float]]) -> list[dict]:
    """The rows of PRES_THEMES. `sentiments` has for each kind the sentiment by id; without one, it is left out."""
    summary = ThemeSummary()
    texts: list[str] = []
    members: list[int] = []
    total = sum(len(s) for s in sentiments.values())
    for kind, rows in _assigned(store, themes, sentiments):
        summary.add(kind, *(rows[name] for name in ("themes", "similarities", "texts", "sentiments", "months")))
        for object_id, text, theme in zip(rows["ids"], rows["texts"], rows["themes"], strict=True):
            if in_sample(object_id, total):
                texts.append(text)
                members.append(theme)
    return summary.rows(label_themes(texts, members) if texts else {})


def _assigned(
    store: VectorStore, themes: Themes, sentiments: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    for kind, collection in SPOKEN.items():
        if not sentiments.get(kind) or not store.exists(collection):
            continue
        dated = "date" in {c.name for c in collection.properties}
        columns = ["id", "vector", collection.text, *(["date"] if dated else [])]
        for batch in store.scan(collection, columns, batch_size=_BATCH):
            if not batch.num_rows:
                continue
            ids = [str(i) for i in batch.column("id").to_pylist()]
            kept = [n for n, i in enumerate(ids) if i in sentiments[kind]]
            numbers, similarities = themes.assign(_matrix(batch))
            texts = batch.column(collection.text).to_pylist()
            dates = batch.column("date").to_pylist() if dated else [None] * len(ids)
            yield (
                kind,
                {
                    "ids": [ids[n] for n in kept],
                    "themes": [int(numbers[n]) for n in kept],
                    "similarities": [float(similarities[n]) for n in kept],
                    "texts": [texts[n] for n in kept],
                    "sentiments": [sentiments[kind][ids[n]] for n in kept],
                    "months": [_month(dates[n]) for n in kept],
                },
            )


def _matrix(batch: Any) -> np.ndarray:
    column = batch.column("vector")
    return column.flatten().to_numpy(zero_copy_only=False).reshape(batch.num_rows, -1).astype(np.float32, copy=False)


def _month(moment: dt.datetime | None) -> dt.date | None:
    return None if moment is None else moment.date().replace(day=1)
