from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from customer_analytics.resources.embedder.cache import BATCH_TEXTS, CachedEmbedder, EmbeddingCache


class Counting:
    """An embedder that remembers what it was asked."""

    model = "counting"
    dimension = 3

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        self.asked += texts
        if progress:
            progress(len(texts))
        vectors = np.array([[len(t), hash(t) % 97 + 1, 1] for t in texts], np.float32).reshape(-1, 3)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "cache" / "embeddings.sqlite")


def test_a_text_is_embedded_once_by_anyone(cache: EmbeddingCache) -> None:
    first = CachedEmbedder(Counting(), cache)
    vectors = first.embed(["a", "bb", "a", "ccc"])
    assert sorted(first.inner.asked) == ["a", "bb", "ccc"]
    np.testing.assert_array_equal(vectors[0], vectors[2])
    second = CachedEmbedder(Counting(), EmbeddingCache(cache.path))
    np.testing.assert_array_equal(second.embed(["ccc", "dddd", "a"])[[0, 2]], vectors[[3, 0]])
    assert second.inner.asked == ["dddd"]
    assert (first.computed, second.computed) == (3, 1)


def test_models_do_not_share_vectors(cache: EmbeddingCache) -> None:
    cache.put("one", ["a"], np.ones((1, 3), np.float32))
    assert cache.get("two", ["a"]) == {}


def test_a_vector_of_another_size_is_not_used(cache: EmbeddingCache) -> None:
    cache.put("counting", ["a"], np.ones((1, 2), np.float32))
    embedder = CachedEmbedder(Counting(), cache)
    assert embedder.embed(["a"]).shape == (1, 3)
    assert embedder.inner.asked == ["a"]


@pytest.mark.parametrize("vector", [[np.nan, 0, 1], [0, 0, 0], [3, 0, 0]])
def test_a_vector_that_no_model_makes_is_computed_anew_and_replaced(cache: EmbeddingCache, vector: list[float]) -> None:
    cache.put("counting", ["a"], np.array([vector], np.float32))
    for _ in range(2):
        embedder = CachedEmbedder(Counting(), cache)
        np.testing.assert_array_equal(embedder.embed(["a"]), Counting().embed(["a"]))
    assert embedder.inner.asked == []


def test_what_another_process_embedded_meanwhile_is_taken(cache: EmbeddingCache) -> None:
    texts = [f"text {i:04}" for i in range(2 * BATCH_TEXTS)]

    class Beside(Counting):
        def embed(self, some: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
            if not self.asked:  # the other one does the rest while this one is at its first batch
                rest = [t for t in texts if t not in some]
                cache.put("counting", rest, Counting().embed(rest))
            return super().embed(some)

    embedder = CachedEmbedder(Beside(), cache)
    np.testing.assert_array_equal(embedder.embed(texts), Counting().embed(texts))
    assert embedder.computed == BATCH_TEXTS


def test_vectors_that_are_kept_for_whole_texts_are_not_computed_and_not_mistaken_for_beginnings(
    cache: EmbeddingCache,
) -> None:
    class Windowed(Counting):
        def windows(self, text: str) -> list[str]:
            return [text[i : i + 4] for i in range(0, len(text), 4)]

    embedder = CachedEmbedder(Windowed(), cache)
    vectors = np.eye(3, dtype=np.float32)[:2]
    embedder.keep(["abc", "abcdefgh"], vectors, whole=True)
    np.testing.assert_array_equal(embedder.embed_whole(["abc", "abcdefgh", "abc"]), vectors[[0, 1, 0]])
    np.testing.assert_array_equal(embedder.embed(["abc"]), vectors[:1])
    assert embedder.inner.asked == []
    np.testing.assert_array_equal(embedder.embed(["abcdefgh"]), Counting().embed(["abcdefgh"]))
    embedder.keep(["ijklmnop"], vectors[1:], whole=False)
    np.testing.assert_array_equal(embedder.embed(["ijklmnop"]), vectors[1:])
    embedder.embed_whole(["ijklmnop"])
    assert embedder.inner.asked == ["abcdefgh", "ijkl", "mnop"]


def test_blank_is_refused_before_anything_is_embedded(cache: EmbeddingCache) -> None:
    embedder = CachedEmbedder(Counting(), cache)
    with pytest.raises(ValueError, match="blank"):
        embedder.embed(["a", " "])
    assert embedder.inner.asked == []


def test_progress_counts_distinct_texts(cache: EmbeddingCache) -> None:
    seen: list[int] = []
    CachedEmbedder(Counting(), cache).embed([f"text {i % 2600}" for i in range(4000)], seen.append)
    assert seen == [BATCH_TEXTS, 2 * BATCH_TEXTS, 2600, 2600]


def test_many_texts_come_back_in_order(cache: EmbeddingCache) -> None:
    texts = [f"text {'x' * (i % 7)}{i}" for i in range(1700)]
    embedder = CachedEmbedder(Counting(), cache)
    expected = Counting().embed(texts)
    np.testing.assert_array_equal(embedder.embed(texts), expected)
    np.testing.assert_array_equal(embedder.embed(texts[::-1]), expected[::-1])
    assert embedder.computed == 1700


def test_a_file_that_is_no_cache_is_set_aside(cache: EmbeddingCache, caplog: pytest.LogCaptureFixture) -> None:
    cache.path.parent.mkdir(parents=True)
    cache.path.write_bytes(b"not a database at all" * 100)
    cache.put("m", ["a"], np.ones((1, 3), np.float32))
    assert set(cache.get("m", ["a"])) == {"a"}
    assert "cannot be read" in caplog.text
    assert len(list(cache.path.parent.glob("*.broken-*"))) == 1


@pytest.mark.parametrize("damage", ["half is missing", "pages of zeros", "pages of noise"])
def test_a_damaged_file_heals(cache: EmbeddingCache, damage: str) -> None:
    texts = [f"text {i}" for i in range(2000)]
    cache.put("m", texts, np.ones((2000, 64), np.float32))
    content = cache.path.read_bytes()
    middle = slice(4096 * 10, 4096 * 110)
    noise = np.random.default_rng(0).bytes(4096 * 100)
    cache.path.write_bytes(
        {
            "half is missing": content[: len(content) // 2],
            "pages of zeros": content[: middle.start] + bytes(len(noise)) + content[middle.stop :],
            "pages of noise": content[: middle.start] + noise + content[middle.stop :],
        }[damage]
    )
    cache.get("m", texts)
    cache.put("m", ["new", *texts], np.ones((2001, 64), np.float32))
    assert len(cache.get("m", ["new", *texts])) == 2001


def test_the_file_stays_bounded_and_keeps_what_is_used(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "small.sqlite", max_bytes=400_000)
    rng = np.random.default_rng(0)
    cache.put("m", ["kept"], rng.random((1, 384)).astype(np.float32))
    for block in range(20):
        texts = [f"{block} {i}" for i in range(50)]
        cache.put("m", texts, rng.random((50, 384)).astype(np.float32))
        with sqlite3.connect(cache.path) as db:
            db.execute("UPDATE vectors SET used = 1 WHERE hash <> ?", [hashlib.sha256(b"kept").digest()])
        db.close()
    assert 0 < len(cache) < 400
    assert "kept" in cache.get("m", ["kept"])
    assert cache.path.stat().st_size < 600_000


def _fill(path: Path, worker: int, rounds: int) -> None:
    cache = EmbeddingCache(path)
    for i in range(rounds):
        texts = [f"{i} {j}" for j in range(20)] + [f"own {worker} {i}"]
        cache.put("m", texts, np.full((21, 3), 1, np.float32))
        assert len(cache.get("m", texts)) == 21


def test_processes_share_it_and_a_killed_one_loses_only_what_was_not_put(cache: EmbeddingCache) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_fill, args=(cache.path, w, 15)) for w in range(2)]
    victim = spawn.Process(target=_fill, args=(cache.path, 9, 100_000))
    for process in [*workers, victim]:
        process.start()
    for process in workers:
        process.join(120)
    while not cache.get("m", ["own 9 3"]):
        time.sleep(0.05)
    os.kill(victim.pid, signal.SIGKILL)
    victim.join(60)
    assert [p.exitcode for p in workers] == [0, 0]
    assert len(cache.get("m", [f"own {w} {i}" for w in range(2) for i in range(15)])) == 30
    assert set(cache.get("m", [f"own 9 {i}" for i in range(4)])) == {f"own 9 {i}" for i in range(4)}
    with sqlite3.connect(cache.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
