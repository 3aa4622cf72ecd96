"""The fan-out over partitions: every text once, and the pipeline takes the vectors up instead of embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
from snowflake.snowpark import Session

from customer_analytics.resources.embedder.cache import CachedEmbedder, EmbeddingCache
from customer_analytics.settings import Settings
from customer_analytics.sources.precomputed_vectors import load
from customer_analytics.tables import COLLECTIONS
from examples.fan_out import BUCKETS, comment_vector_file, comment_vectors

TEXTS = [f'Text {number}: it\'s "quoted"; ünïcode 😀' for number in range(40)]


class Counting:
    """Embeds by length, and counts."""

    model, dimension = "counting", 4

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: list[str], progress: object = None) -> np.ndarray:
        self.seen += texts
        rows = np.array([[len(t), 1.0, 2.0, 3.0] for t in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class InSession:
    def __init__(self, session: Session) -> None:
        self._session = session

    def session(self) -> Session:
        return self._session


def test_each_text_is_embedded_by_one_partition_and_then_taken_up(session: Session, tmp_path: Path) -> None:
    rows = [(number % 3, text) for number, text in enumerate(TEXTS * 2)]
    session.create_dataframe(rows, schema=["CUSTOMER_ID", "REVIEW_TEXT"]).write.save_as_table("STG_TWITTER_COMMENTS")
    settings, embedder = Settings.model_validate({"source_uri": str(tmp_path)}), Counting()
    resources: dict[str, Any] = {"settings": settings, "warehouse": InSession(session), "embedder": embedder}
    assets = [comment_vectors, comment_vector_file]
    for key in BUCKETS.get_partition_keys():
        assert dg.materialize([comment_vectors], partition_key=key, resources=resources).success
    assert sorted(embedder.seen) == sorted(TEXTS), "each text in one bucket alone, and once"
    assert dg.materialize(assets, selection=[comment_vector_file], resources=resources).success
    collection = next(c for c in COLLECTIONS if c.name == "CustomerComment")
    ours = Counting()
    cached = CachedEmbedder(ours, EmbeddingCache(tmp_path / "cache"))  # type: ignore[arg-type]
    found = load(str(tmp_path), collection, cached)
    assert found is not None
    assert (found.rows, found.usable) == (len(TEXTS), len(TEXTS))
    cached.embed(TEXTS)
    assert ours.seen == [], "nothing was left to embed"
