"""The tutorial's own comments, where they are present: what is near is what brute force finds, on either store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_analytics.resources.embedder.minilm import MiniLMEmbedder
from customer_analytics.resources.vector_store import VectorStore, hybrid, sync
from customer_analytics.resources.vector_store.lancedb import LanceVectorStore
from customer_analytics.resources.vector_store.rows import matrix_of
from customer_analytics.tables import CUSTOMER_COMMENT
from customer_analytics_tests.contract.vectors import brute_force

pytestmark = pytest.mark.heavy
COMMENTS = 600
QUESTIONS = ["broke after a week", "a great gift for my daughter", "pieces are missing", "I want my money back"]


class Filled(NamedTuple):
    store: VectorStore
    embedder: MiniLMEmbedder
    rows: pa.Table


@pytest.fixture(scope="module")
def lance(seed_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Some of the comments, drawn with a fixed seed, and 1,000 random vectors' worth of neighbours."""
    source = pq.read_table(seed_data / "twitter_comments.parquet")
    chosen = np.sort(np.random.default_rng(0).choice(source.num_rows, COMMENTS, replace=False))
    embedder = MiniLMEmbedder(tmp_path_factory.mktemp("onnx"))
    store = LanceVectorStore(tmp_path_factory.mktemp("lance"))
    sync(store, CUSTOMER_COMMENT, source.take(chosen), embedder.embed, model=embedder.model, dimension=384)
    return Filled(store, embedder, pa.Table.from_batches(store.scan(CUSTOMER_COMMENT)))


@pytest.fixture(scope="module", params=["lancedb", "weaviate"])
def filled(request: pytest.FixtureRequest, lance: Filled) -> Iterator[Filled]:
    if request.param == "lancedb":
        yield lance
        return
    from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore

    server = request.getfixturevalue("weaviate_server")
    store = WeaviateVectorStore(server.url, server.grpc_url)
    store.replace(CUSTOMER_COMMENT, 384, [lance.rows])
    yield lance._replace(store=store)
    store.drop(CUSTOMER_COMMENT)
    store.close()


def test_neighbours_are_those_of_brute_force(filled: Filled) -> None:
    random = np.random.default_rng(1).normal(size=(40, 384)).astype(np.float32)
    own = matrix_of(filled.rows)[:20]
    for query in (*random, *own, *filled.embedder.embed(QUESTIONS)):
        found = filled.store.near(CUSTOMER_COMMENT, query, 10).column("id").to_pylist()
        assert found == brute_force(filled.rows, query.astype(np.float64), 10)


def test_both_stores_fuse_to_nearly_the_same(filled: Filled, lance: Filled) -> None:
    common = 0
    for question, vector in zip(QUESTIONS, lance.embedder.embed(QUESTIONS), strict=True):
        both = [
            set(hybrid(f.store, CUSTOMER_COMMENT, question, vector).column("id").to_pylist()) for f in (filled, lance)
        ]
        common += len(both[0] & both[1])
    assert common >= 0.9 * 10 * len(QUESTIONS)


def test_broke_after_a_week_finds_what_broke(filled: Filled) -> None:
    vector = filled.embedder.embed(["broke after a week"])[0]
    found = hybrid(filled.store, CUSTOMER_COMMENT, "broke after a week", vector, 5).column("review_text").to_pylist()
    words = ("broke", "break", "stopped working", "quit working", "fell apart", "does not work", "doesn't work")
    assert sum(any(word in text.lower() for word in words) for text in found) >= 4, found
