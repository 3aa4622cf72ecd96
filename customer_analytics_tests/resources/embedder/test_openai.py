"""Against a local server that speaks the API over real HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr

from customer_analytics.resources.embedder import EmbedderError, embedder_from
from customer_analytics.resources.embedder.cache import CachedEmbedder, EmbeddingCache
from customer_analytics.resources.embedder.openai import LONGEST_BYTES, REQUEST_BYTES, OpenAIEmbedder
from customer_analytics.settings import Settings

SECRET = "sk-test-very-secret"  # a made-up key


class Service:
    """What the server was asked, and what it answers next instead of vectors."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.failures: list[int] = []
        self.dimension: int | None = None
        self.shuffle = True
        self.drop = 0
        self.body: bytes | None = None
        self.type = "application/json"

    def vectors(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        size = self.dimension or request["dimensions"]
        rows = []
        for index, text in enumerate(request["input"]):
            vector = vector_of(text, size)
            value: Any = vector.tolist()
            if request.get("encoding_format") == "base64":
                value = base64.b64encode(vector.tobytes()).decode()
            rows.append({"object": "embedding", "index": index, "embedding": value})
        return (rows[::-1] if self.shuffle else rows)[self.drop :]


def vector_of(text: str, size: int) -> np.ndarray:
    return np.random.default_rng(sum(map(ord, text[:50])) + len(text)).normal(size=size).astype(np.float32)


@pytest.fixture
def service() -> Iterator[tuple[Service, str]]:
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(body)
            state.keys.append(self.headers["Authorization"])
            status = state.failures.pop(0) if state.failures else 200
            answer: dict[str, Any] = {"error": {"message": f"no: {SECRET}", "type": "x", "code": "x"}}
            if status == 200:
                answer = {
                    "object": "list",
                    "model": body["model"],
                    "data": state.vectors(body),
                    "usage": {"prompt_tokens": 1, "total_tokens": 1},
                }
            content = json.dumps(answer).encode() if state.body is None else state.body
            self.send_response(status)
            self.send_header("Content-Type", state.type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("retry-after-ms", "10")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state, f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def embedder_at(url: str, **options: Any) -> OpenAIEmbedder:
    return OpenAIEmbedder("text-embedding-3-small", 16, SecretStr(SECRET), url, **options)


def test_vectors_come_in_order_as_unit_vectors(service: tuple[Service, str]) -> None:
    state, url = service
    texts = ["one", "two", "three"]
    vectors = embedder_at(url).embed(texts)
    expected = np.array([vector_of(t, 16) for t in texts])
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-5)
    assert state.requests[0]["model"] == "text-embedding-3-small"
    assert state.requests[0]["dimensions"] == 16
    assert state.keys == [f"Bearer {SECRET}"]
    assert embedder_at(url).model == "openai:text-embedding-3-small:16"


def test_requests_stay_within_the_limits(service: tuple[Service, str]) -> None:
    state, url = service
    texts = [f"{i} " + "word 🎈 " * 900 for i in range(60)] + ["y"] * 2500
    seen: list[int] = []
    vectors = embedder_at(url).embed(texts, seen.append)
    assert len(vectors) == len(texts)
    assert seen[-1] == len(texts)
    sizes = [[len(t.encode()) for t in r["input"]] for r in state.requests]
    assert len(sizes) >= 3
    assert all(max(s) <= LONGEST_BYTES and sum(s) <= REQUEST_BYTES and len(s) <= 2048 for s in sizes)


def test_of_a_long_text_the_beginning_counts(service: tuple[Service, str]) -> None:
    state, url = service
    embedder_at(url).embed(["é" * 4_500, " " * 9_000 + "late"])
    assert state.requests[0]["input"] == ["é" * 4_000, "late"]


def test_a_long_text_is_read_whole_where_it_is_asked_for(service: tuple[Service, str], tmp_path: Path) -> None:
    state, url = service
    text = "a" * 9_000 + "b" * 3_000
    vector = CachedEmbedder(embedder_at(url), EmbeddingCache(tmp_path / "cache.sqlite")).embed_whole([text])[0]
    parts = embedder_at(url).windows(text)
    assert "".join(parts) == text
    assert sorted(set(parts)) == sorted(t for r in state.requests for t in r["input"])
    units = [vector_of(p, 16) / np.linalg.norm(vector_of(p, 16)) for p in parts]
    mean = sum(u * len(p) for u, p in zip(units, parts, strict=True))
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=1e-4)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(service: tuple[Service, str], status: int) -> None:
    state, url = service
    state.failures = [status, status]
    assert embedder_at(url).embed(["one"]).shape == (1, 16)
    assert len(state.requests) == 3


@pytest.mark.parametrize(
    ("status", "tries", "words"),
    [(401, 1, "OPENAI_API_KEY"), (403, 1, "OPENAI_API_KEY"),
     (404, 1, "EMBEDDING_MODEL"), (400, 1, "EMBEDDING_DIMENSIONS"), (429, 3, "429"),
     (502, 3, "502")],
)  # fmt: skip
def test_a_lasting_failure_says_what_to_do(service: tuple[Service, str], status: int, tries: int, words: str) -> None:
    state, url = service
    state.failures = [status] * 10
    with pytest.raises(EmbedderError, match=words) as raised:
        embedder_at(url, max_retries=2).embed(["one"])
    assert len(state.requests) == tries
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("text/html", b"<html>Welcome</html>"),
        ("application/json", b'{"object": "list", "data": []}'),
        ("application/json", b'{"models": []}'),
        ("application/json", b"[1, 2]"),
        ("application/json", b"{ cut o"),
        ("application/json", b'{"data": [{"index": 0, "embedding": null}]}'),
        ("application/json", b'{"data": [{"index": 0, "embedding": "!!"}]}'),
    ],
)
def test_what_is_no_embedding_service_is_named(service: tuple[Service, str], type_: str, body: bytes) -> None:
    state, url = service
    state.type, state.body = type_, body
    with pytest.raises(EmbedderError, match=r"127\.0\.0\.1:\d+/v1/.*OPENAI_BASE_URL") as raised:
        embedder_at(url, max_retries=0).embed(["one"])
    assert SECRET not in str(raised.value)


def test_a_service_that_is_not_there_is_named(service: tuple[Service, str]) -> None:
    with pytest.raises(EmbedderError, match=r"127\.0\.0\.1:9/.*OPENAI_BASE_URL"):
        embedder_at("http://127.0.0.1:9/v1", max_retries=0).embed(["one"])


def test_vectors_of_another_size_or_number_are_refused(service: tuple[Service, str]) -> None:
    state, url = service
    state.dimension = 8
    with pytest.raises(EmbedderError, match="EMBEDDING_DIMENSIONS=8"):
        embedder_at(url).embed(["one"])
    state.dimension, state.drop = None, 1
    with pytest.raises(EmbedderError, match="1 vectors for 2 texts"):
        embedder_at(url).embed(["one", "two"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
def test_a_vector_without_direction_is_refused_and_not_kept(
    service: tuple[Service, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: float
) -> None:
    _, url = service
    embedder = CachedEmbedder(embedder_at(url), EmbeddingCache(tmp_path / "cache.sqlite"))
    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.vector_of", lambda text, size: np.full(size, value, np.float32))
        with pytest.raises(EmbedderError, match="without direction"):
            embedder.embed(["one"])
    assert len(embedder.cache) == 0
    assert embedder.embed(["one"]).shape == (1, 16)


def test_settings_choose_it_and_the_cache_stands_before_it(
    service: tuple[Service, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, url = service
    for name, value in {"EMBEDDER": "openai", "OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": url,
                        "EMBEDDING_DIMENSIONS": "16"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    embedder = embedder_from(Settings())
    assert SECRET not in repr(vars(embedder.inner))
    np.testing.assert_array_equal(embedder.embed(["one"]), embedder_from(Settings()).embed(["one"]))
    assert len(state.requests) == 1
