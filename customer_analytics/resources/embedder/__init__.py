"""The embedder: texts to vectors. MiniLM on onnxruntime, or OpenAI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


class Embedder(Protocol):
    """One embedding model."""

    model: str
    """Names model and weights, such as `minilm:all-MiniLM-L6-v2`; kept with every vector."""
    dimension: int

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """Unit vectors, float32, shape (len(texts), dimension), in order. A blank text raises ValueError."""
        ...
