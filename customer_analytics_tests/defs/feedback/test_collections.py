"""The three collections from source to store, through Dagster, on LanceDB and a local Snowflake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_analytics.defs.feedback.collections import collection_asset, collection_checks
from customer_analytics.defs.feedback.progress import Progress
from customer_analytics.defs.sources.vectors import vector_snapshot
from customer_analytics.resources.embedder.cache import CachedEmbedder, EmbeddingCache
from customer_analytics.resources.vector_store.identity import content_hash
from customer_analytics.resources.vector_store.inspection import inspect
from customer_analytics.resources.vector_store.lancedb import LanceVectorStore
from customer_analytics.settings import Settings
from customer_analytics.sources import SourceError
from customer_analytics.sources.precomputed_vectors import load
from customer_analytics.tables import COMMENT_TRAINING, CUSTOMER_COMMENT


class Letters:
    """Counts letters: an embedder whose vectors anyone can check."""

    dimension = 26

    def __init__(self, model: str = "letters") -> None:
        self.model = model

    def embed(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        counts = np.array([[t.lower().count(chr(97 + i)) + 0.01 for i in range(26)] for t in texts], np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


class OneTable(dg.IOManager):
    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def load_input(self, context: dg.InputContext) -> pa.Table:
        return self.table

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        raise AssertionError("collections are no tables")


def training(*rows: tuple[str, str]) -> pa.Table:
    return pa.table({"REVIEW_TEXT": [r[0] for r in rows], "LABEL": [r[1] for r in rows]})


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Materialise CommentTraining from these rows; its metadata and data version."""
    (tmp_path / "source").mkdir()
    monkeypatch.setenv("SOURCE_URI", str(tmp_path / "source"))
    store = LanceVectorStore(tmp_path / "vectors")
    cache = EmbeddingCache(tmp_path / "cache.sqlite")

    def materialise(source: pa.Table, model: str = "letters") -> tuple[dict[str, Any], str]:
        result = dg.materialize(
            [collection_asset(COMMENT_TRAINING), dg.AssetSpec("STG_COMMENT_TRAINING"), dg.AssetSpec("VECTOR_SNAPSHOT")],
            resources={
                "settings": Settings(),
                "embedder": CachedEmbedder(Letters(model), cache),
                "vector_store": store,
                "io_manager": OneTable(source),
            },
        )
        (event,) = result.asset_materializations_for_node("CommentTraining")
        return {k: v.value for k, v in event.metadata.items()}, event.tags["dagster/data_version"]

    materialise.store = store
    materialise.source = tmp_path / "source"
    return materialise


def test_new_rows_come_changed_ones_are_replaced_and_gone_ones_go(build) -> None:
    first, version = build(training(("good toy", "1"), ("bad toy", "0"), ("good toy", "1")))
    assert (first["dagster/row_count"], first["inserted"], first["equal_source_rows"], first["embedded_now"]) == (
        2, 2, 1, 2,
    )  # fmt: skip
    assert (first["dimension"], first["embedding_model"]) == (26, "letters")
    same, same_version = build(training(("bad toy", "0"), ("good toy", "1")))
    assert (same["unchanged"], same["embedded_now"], same_version) == (2, 0, version)
    changed, changed_version = build(training(("bad toy", "1"), ("new toy", "1")))
    assert (changed["inserted"], changed["changed"], changed["deleted"]) == (1, 1, 1)
    assert changed["embedded_now"] == 1  # the label changed, its text did not
    assert changed_version != version


def test_another_model_embeds_everything_anew_and_never_mixes(build) -> None:
    build(training(("good toy", "1"), ("bad toy", "0")))
    other, _ = build(training(("good toy", "1"), ("bad toy", "0"), ("third", "1")), "letters-2")
    assert other["embedded_now"] == 3
    assert inspect(build.store, COMMENT_TRAINING).models == {"letters-2": 3}


def test_vectors_that_come_with_the_sources_are_used(build, tmp_path: Path) -> None:
    vectors = build.source / "vectors"
    vectors.mkdir()
    texts = ["good toy", "bad toy"]
    content = {
        "review_text": texts,
        "vector": pa.array(Letters().embed(texts).tolist(), pa.list_(pa.float32(), 26)),
        "embedding_model": ["letters", "another"],
    }
    pq.write_table(pa.table(content), vectors / "CommentTraining.parquet")
    built, _ = build(training(("good toy", "1"), ("bad toy", "0"), ("third", "1")))
    assert built["embedded_now"] == 2  # all but the one that the snapshot holds by this model


def test_a_snapshot_that_cannot_be_right_is_refused(tmp_path: Path) -> None:
    embedder = CachedEmbedder(Letters(), EmbeddingCache(tmp_path / "cache.sqlite"))
    path = tmp_path / "vectors" / "CustomerComment.parquet"
    path.parent.mkdir()
    assert load(str(tmp_path), COMMENT_TRAINING, embedder) is None

    def snapshot(vector: list[float], **more: Any) -> None:
        columns = {"review_text": ["a"], "vector": [vector], "embedding_model": ["letters"]} | more
        pq.write_table(pa.table({k: v for k, v in columns.items() if v is not None}), path)

    for content, words in (
        ({"vector": [1.0, 0.0]}, "2 dimensions"),
        ({"vector": [0.0] * 26}, "unit length"),
        ({"vector": [float("nan")] * 26}, "unit length"),
        ({"vector": [1.0] + [0.0] * 25, "embedding_model": None}, "no column embedding_model"),
        ({"vector": [1.0] + [0.0] * 25, "content_hash": [content_hash("another text")]}, "was changed after"),
        ({"vector": [1.0] + [0.0] * 25, "review_text": [7]}, "review_text as int64"),
        ({"vector": [1.0] + [0.0] * 25, "embedding_model": [7]}, "embedding_model as int64"),
        ({"vector": ["x"] * 26}, "vector as list"),
    ):
        snapshot(**content)
        with pytest.raises(SourceError, match=words):
            load(str(tmp_path), CUSTOMER_COMMENT, embedder)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        load(str(tmp_path), CUSTOMER_COMMENT, embedder)
    assert len(embedder.cache) == 0


def test_the_source_asset_of_snapshots_says_when_there_is_none(build, tmp_path: Path) -> None:
    embedder = CachedEmbedder(Letters(), EmbeddingCache(tmp_path / "other.sqlite"))
    result = dg.materialize([vector_snapshot], resources={"settings": Settings(), "embedder": embedder})
    (event,) = result.asset_materializations_for_node("VECTOR_SNAPSHOT")
    assert event.tags["dagster/data_version"] == "absent"


def test_the_version_of_a_snapshot_is_that_of_its_content(build, tmp_path: Path) -> None:
    path = build.source / "vectors" / "CommentTraining.parquet"
    path.parent.mkdir()
    embedder = CachedEmbedder(Letters(), EmbeddingCache(tmp_path / "other.sqlite"))

    def version(*texts: str) -> str:
        columns = {"review_text": texts, "vector": Letters().embed(texts).tolist(), "embedding_model": ["letters"] * 2}
        path.unlink(missing_ok=True)
        pq.write_table(pa.table(columns), path)
        result = dg.materialize([vector_snapshot], resources={"settings": Settings(), "embedder": embedder})
        (event,) = result.asset_materializations_for_node("VECTOR_SNAPSHOT")
        return event.tags["dagster/data_version"]

    assert version("good toy", "bad toy") == version("good toy", "bad toy") != version("good toy", "other toy")


def test_the_checks_see_what_is_wrong(build, warehouse, session) -> None:
    build(training(("good toy", "1"), ("bad toy", "0")))
    session.create_dataframe([["good toy", "1"], ["bad toy", "0"], ["bad toy", "0"]], ["REVIEW_TEXT", "LABEL"]) \
        .write.save_as_table("STG_COMMENT_TRAINING")  # fmt: skip

    class Here:
        def session(self):
            return session

    def failing(model: str = "letters") -> set[str]:
        resources = {"warehouse": Here(), "embedder": Letters(model), "vector_store": build.store}
        result = dg.materialize(
            [
                collection_checks(COMMENT_TRAINING),
                dg.AssetSpec("CommentTraining"),
                dg.AssetSpec("STG_COMMENT_TRAINING"),
            ],
            resources=resources,
            selection=dg.AssetSelection.checks_for_assets("CommentTraining"),
            raise_on_error=False,
        )
        return {e.check_name for e in result.get_asset_check_evaluations() if not e.passed}

    assert failing() == set()
    assert failing("another") == {"one_embedding_model"}
    session.sql("INSERT INTO STG_COMMENT_TRAINING VALUES ('third', '1')").collect()
    assert failing() == {"one_object_per_distinct_source_row"}


def test_progress_speaks_every_few_seconds_and_at_the_end() -> None:
    said: list[str] = []
    times = iter([0.0, 1.0, 6.0, 7.0, 8.0])
    progress = Progress(said.append, "Calls", lambda: next(times))
    progress(1, 4)
    progress(2, 4)
    progress.within(1)
    progress(4, 4)
    assert said == ["Calls: 2 of 4 (0.3 a second)", "Calls: 4 of 4 (0.5 a second)"]
