"""Texts longer than a model takes, read whole: windows of nearly equal length, their vectors averaged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def cut(tokens: Sequence[Any], longest: int) -> list[Any]:
    """`tokens` (or the characters of a text) in as few windows of at most `longest` as it takes.

    Their lengths differ by one at most.
    """
    count = max(1, -(-len(tokens) // longest))
    bounds = [len(tokens) * i // count for i in range(count + 1)]
    return [tokens[low:high] for low, high in pairwise(bounds)]


def average(vectors: np.ndarray, owners: np.ndarray, lengths: np.ndarray, texts: int) -> np.ndarray:
    """One unit vector per text: the mean of its windows' unit vectors, weighted by their lengths.

    Window i belongs to text `owners[i]`. A text with one window keeps its vector to the last bit.
    """
    import numpy as np

    if len(vectors) == texts:
        result = np.empty_like(vectors)
        result[owners] = vectors
        return result
    sums = np.zeros((texts, vectors.shape[1]), np.float64)
    np.add.at(sums, owners, vectors * lengths[:, None].astype(np.float64))
    result = (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)
    single = np.bincount(owners, minlength=texts)[owners] == 1
    result[owners[single]] = vectors[single]
    return result
