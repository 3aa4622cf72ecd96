"""The embedder: texts to vectors. MiniLM on onnxruntime, or OpenAI; either behind the cache of `cache.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from customer_analytics.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from customer_analytics.resources.embedder.cache import CachedEmbedder


class EmbedderError(Exception):
    """What went wrong, in one sentence with the remedy."""


class Embedder(Protocol):
    """One embedding model. Making one connects to nothing and loads nothing; the first call does.

    Of a text longer than the model takes its beginning counts, as with sentence-transformers. Where
    the whole text should count, `CachedEmbedder.embed_whole` takes its windows.
    """

    model: str
    """Names model and weights, such as `minilm:all-MiniLM-L6-v2`; kept with every vector."""
    dimension: int

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Unit vectors, float32, shape (len(texts), dimension), in order. A blank text raises ValueError.

        `progress` is called with the number of texts done so far, by batch.
        """
        ...

    def windows(self, text: str) -> list[str]:
        """The text in parts of nearly equal length that the model takes whole; itself where it is short enough."""
        ...


def refuse_blank(texts: Sequence[str]) -> None:
    """Raise ValueError when a text has nothing to embed: every model would make up a vector for it."""
    for i, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"text {i} of {len(texts)} is blank: only text with content can be embedded")


def embedder_from(settings: Settings) -> CachedEmbedder:
    """The embedder that EMBEDDER names, behind the cache under the project's home folder."""
    from customer_analytics.resources.embedder.cache import CachedEmbedder, EmbeddingCache

    inner: Embedder
    if settings.embedder == "openai":
        from customer_analytics.resources.embedder.openai import OpenAIEmbedder

        inner = OpenAIEmbedder(
            model=settings.embedding_model,
            dimension=settings.embedding_dimensions,
            api_key=settings.openai_api_key,
            base_url=settings.openai_base_url,
        )
    else:
        from customer_analytics.resources.embedder.minilm import MiniLMEmbedder

        inner = MiniLMEmbedder(settings.home / "cache" / "onnx")
    return CachedEmbedder(inner, EmbeddingCache(settings.home / "cache" / "embeddings.sqlite"))
