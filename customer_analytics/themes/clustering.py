"""Clusters of unit vectors with numbers that stay the same from run to run."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

SAMPLE = 20_000
"""Themes are fitted on at most about so many vectors; every vector is assigned afterwards."""
SAME_THEME = 0.8
"""A new centroid at least this near (cosine) to an earlier one is the same theme."""
FEWEST, MOST = 2, 24


@dataclass(frozen=True)
class Themes:
    """`centroids` are unit vectors, shape (themes, dimension); `ids[i]` is the number of theme i, for ever."""

    ids: np.ndarray
    centroids: np.ndarray

    def assign(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each unit vector the number of the nearest theme, and its cosine similarity to it."""
        similarity = vectors @ self.centroids.T
        nearest = similarity.argmax(axis=1)
        return self.ids[nearest], similarity[np.arange(len(vectors)), nearest]


def in_sample(object_id: str, total: int, size: int = SAMPLE) -> bool:
    """Whether the object is among the about `size` of `total` that themes are fitted on.

    The ids are uuid5, so their first digits are as good as random, and the same objects are chosen each time.
    """
    return total <= size or int(object_id[:8], 16) < 2**32 * size / total


def number_of_themes(objects: int) -> int:
    """How many themes so many objects are split into: 2 for up to 70, 9 for 1,000, 24 for 8,000 and more."""
    return min(MOST, max(FEWEST, round(math.sqrt(objects) / 3.6)), objects)


def fit_themes(vectors: np.ndarray, seed: int, previous: Themes | None = None) -> Themes:
    """The themes of unit vectors, shape (n, dimension), n at least 1.

    It starts from the `previous` centroids when there are as many, so that unchanged data give
    unchanged themes; a theme near to a previous one keeps its number, others get new ones.
    """
    from sklearn.cluster import KMeans

    k = number_of_themes(len(np.unique(vectors, axis=0))) if len(vectors) < 100 else number_of_themes(len(vectors))
    if previous is not None and previous.centroids.shape[1] != vectors.shape[1]:
        previous = None
    # scikit-learn has no types: pyright takes them from the defaults, which are the words "k-means++" and "auto".
    if previous is not None and len(previous.ids) == k:
        model = KMeans(k, init=previous.centroids, n_init=1, random_state=seed)  # pyright: ignore[reportArgumentType]
    else:
        model = KMeans(k, n_init=3, random_state=seed)  # pyright: ignore[reportArgumentType]
    labels = model.fit_predict(vectors)
    centroids = model.cluster_centers_
    centroids = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
    if previous is None or not len(previous.ids):
        sizes = np.bincount(labels, minlength=k)
        order = np.argsort(-sizes, kind="stable")  # the greatest theme is number 1
        return Themes(np.arange(1, k + 1), centroids[order])
    return Themes(_carry_numbers(centroids, previous), centroids)


def _carry_numbers(centroids: np.ndarray, previous: Themes) -> np.ndarray:
    """The number of each centroid: that of the previous theme it is matched with, or a new one."""
    from scipy.optimize import linear_sum_assignment

    similarity = centroids @ previous.centroids.T
    new, old = linear_sum_assignment(-similarity)
    ids = np.zeros(len(centroids), dtype=np.int64)
    for i, j in zip(new, old, strict=True):
        if similarity[i, j] >= SAME_THEME:
            ids[i] = previous.ids[j]
    unnumbered = np.flatnonzero(ids == 0)
    ids[unnumbered] = np.arange(len(unnumbered)) + previous.ids.max() + 1
    return ids


def encode_centroid(centroid: np.ndarray) -> str:
    """The centroid as JSON text; six digits keep every assignment."""
    return json.dumps([round(float(x), 6) for x in centroid])


def decode_centroids(ids: list[int], centroids: list[str]) -> Themes:
    """The themes that `encode_centroid` wrote."""
    return Themes(np.array(ids, dtype=np.int64), np.array([json.loads(c) for c in centroids], dtype=np.float32))
