"""What customers said, at the tutorial's scale: its comments and the sample's calls, through Dagster, in both stores.

One home folder and one cache of embeddings: what LanceDB was filled with is not embedded again for Weaviate.
EMBEDDINGS=FILE begins with the cache of another run on the same comments: minutes less, and it must be used.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_analytics.local_snowflake import lifecycle
from customer_analytics.resources import build_resources
from customer_analytics.resources.embedder.cache import EmbeddingCache
from customer_analytics.resources.vector_store import VectorStore, hybrid
from customer_analytics.resources.vector_store.rows import matrix_of
from customer_analytics.sample_data import calls
from customer_analytics.settings import Settings
from customer_analytics.tables import COLLECTIONS, COMMENT_TRAINING, CUSTOMER_CALL, CUSTOMER_COMMENT
from customer_analytics_tests.contract.vectors import brute_force

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(3600)]
QUESTION = "broke after a week"
IT_BROKE = ("broke", "break", "stopped working", "quit working", "fell apart", "does not work", "doesn't work")


class Built(NamedTuple):
    """One run of everything up to the collections: metadata by asset, and the store it filled."""

    metadata: dict[str, dict[str, Any]]
    store: VectorStore

    def total(self, name: str) -> int:
        return sum(values.get(name, 0) for values in self.metadata.values())


class Runs(NamedTuple):
    lancedb: Built
    weaviate: Built
    again: Built
    embed: Any
    known: Callable[[set[str]], set[str]]
    """Those texts that the cache held before the first run."""


@pytest.fixture(scope="module")
def source(seed_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seed's files and the sample's 43 recordings, as links in one folder."""
    folder = tmp_path_factory.mktemp("source")
    for path in seed_data.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "customer_calls").mkdir()
    for path in Path(calls.__file__).parent.glob("*.ogg"):
        (folder / "customer_calls" / path.name).symlink_to(path)
    return folder


def build(**environment: str) -> Built:
    from customer_analytics.defs import feedback, sources

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        resources = build_resources(Settings())
    assets: list[Any] = [*dg.load_assets_from_package_module(sources), *dg.load_assets_from_package_module(feedback)]
    checks = dg.load_asset_checks_from_package_module(feedback)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [*assets, *checks],
            resources=resources,
            selection=dg.AssetSelection.groups("feedback").upstream(),
            instance=instance,
        )
        evaluations = [e for e in result.get_asset_check_evaluations() if e.blocking]
        assert len(evaluations) >= 4 * len(COLLECTIONS)
        assert [e.check_name for e in evaluations if not e.passed] == []
        metadata: dict[str, dict[str, Any]] = {}
        for event in result.get_asset_materialization_events():
            materialization = event.step_materialization_data.materialization
            key = materialization.asset_key.to_user_string()
            metadata[key] = {name: value.value for name, value in materialization.metadata.items()}
    resources["warehouse"].close()
    return Built(metadata, resources["vector_store"])


@pytest.fixture(scope="module")
def runs(source: Path, weaviate_server_with_key: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    server = weaviate_server_with_key
    home = tmp_path_factory.mktemp("home")
    place = {"CUSTOMER_ANALYTICS_HOME": str(home), "SOURCE_URI": str(source)}
    before = tmp_path_factory.mktemp("before") / "embeddings.sqlite"
    if given := os.environ.get("EMBEDDINGS"):
        shutil.copy(given, before)
        (home / "cache").mkdir()
        shutil.copy(given, home / "cache" / "embeddings.sqlite")
    weaviate = place | {
        "WEAVIATE_URL": server.url,
        "WEAVIATE_GRPC_URL": server.grpc_url,
        "WEAVIATE_API_KEY": server.api_key,
    }
    try:
        lancedb, first, again = build(**place), build(**weaviate), build(**weaviate)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CUSTOMER_ANALYTICS_HOME", str(home))
            embedder = build_resources(Settings())["embedder"]
        cache = EmbeddingCache(before)
        yield Runs(lancedb, first, again, embedder.embed, lambda texts: set(cache.get(embedder.model, sorted(texts))))
        for one in (first, again):
            for collection in COLLECTIONS:
                one.store.drop(collection)
            one.store.close()
    finally:
        lifecycle.stop(home / "warehouse")


@pytest.fixture(params=["lancedb", "weaviate"])
def built(request: pytest.FixtureRequest, runs: Runs) -> Built:
    return getattr(runs, request.param)


def test_every_source_row_is_an_object(built: Built, seed_data: Path) -> None:
    comments = pq.read_table(seed_data / "twitter_comments.parquet").to_pandas().rename(columns=str.lower)
    training = pq.read_table(seed_data / "comment_training.parquet").to_pandas().rename(columns=str.lower)
    rows = {name: values["dagster/row_count"] for name, values in built.metadata.items()}
    assert rows[CUSTOMER_COMMENT.name] == len(comments.drop_duplicates()) == built.store.count(CUSTOMER_COMMENT)
    assert rows[COMMENT_TRAINING.name] == training.review_text.nunique() == built.store.count(COMMENT_TRAINING)
    assert rows["CALL_STAGE"] == 43
    assert rows[CUSTOMER_CALL.name] == 43 == built.store.count(CUSTOMER_CALL)
    for collection in COLLECTIONS:
        seen = pa.Table.from_batches(built.store.scan(collection, ["id", collection.text]))
        assert len(set(seen.column("id").to_pylist())) == seen.num_rows == built.store.count(collection)
    texts = set(pa.Table.from_batches(built.store.scan(CUSTOMER_COMMENT, ["review_text"])).column(0).to_pylist())
    assert texts == set(comments.review_text)


def test_each_text_is_embedded_once_for_both_stores_and_each_call_heard_once(runs: Runs) -> None:
    texts: set[str] = set()
    for collection in COLLECTIONS:
        scan = runs.lancedb.store.scan(collection, [collection.text])
        texts |= {text for batch in scan for text in batch.column(0).to_pylist()}
    assert runs.lancedb.total("embedded_now") == len(texts - runs.known(texts)) > 0
    assert runs.lancedb.total("transcribed_now") == 43
    for later in (runs.weaviate, runs.again):
        assert (later.total("embedded_now"), later.total("transcribed_now"), later.total("uploaded")) == (0, 0, 0)
    assert (runs.again.total("inserted"), runs.again.total("changed"), runs.again.total("deleted")) == (0, 0, 0)


def test_both_stores_hold_the_same(runs: Runs) -> None:
    for collection in COLLECTIONS:
        prints = {b.metadata[collection.name]["fingerprint"] for b in (runs.lancedb, runs.weaviate, runs.again)}
        assert len(prints) == 1


def test_neighbours_are_those_of_brute_force(built: Built, runs: Runs) -> None:
    random = np.random.default_rng(1).normal(size=(5, 384)).astype(np.float32)
    for collection in COLLECTIONS:
        rows = pa.Table.from_batches(built.store.scan(collection))
        for query in (*random, *matrix_of(rows)[:5], *runs.embed([QUESTION, "a great gift"])):
            found = built.store.near(collection, query, 10, columns=["id"]).column("id").to_pylist()
            assert found == brute_force(rows, query.astype(np.float64), 10)


def test_broke_after_a_week_finds_what_broke(built: Built, runs: Runs) -> None:
    vector = runs.embed([QUESTION])[0]
    for found in (
        built.store.near(CUSTOMER_COMMENT, vector),
        hybrid(built.store, CUSTOMER_COMMENT, QUESTION, vector),
    ):
        texts = found.column("review_text").to_pylist()
        assert sum(any(word in text.lower() for word in IT_BROKE) for text in texts) >= 8, texts
