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
ROUNDS = 300
DIGITS = 6
"""Of the numbers of a stored centroid."""


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

    It starts from the `previous` centroids, so that unchanged data give exactly the same themes and a few
    more texts move few; a theme near to a previous one keeps its number, others get new ones.
    """
    k = number_of_themes(len(np.unique(vectors, axis=0))) if len(vectors) < 100 else number_of_themes(len(vectors))
    if previous is None or not len(previous.ids) or previous.centroids.shape[1] != vectors.shape[1]:
        centroids = _settle(vectors, _k_means(vectors, k, seed))
        sizes = np.bincount((vectors @ centroids.T).argmax(axis=1), minlength=k)
        return Themes(np.arange(1, k + 1), centroids[np.argsort(-sizes, kind="stable")])  # the greatest is number 1
    centroids = _settle(vectors, _as_many(previous.centroids, k, vectors, seed))
    return Themes(_carry_numbers(centroids, previous), centroids)


def _k_means(vectors: np.ndarray, k: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    # scikit-learn has no types: pyright takes them from the default, which is the word "auto".
    return KMeans(k, n_init=3, random_state=seed).fit(vectors).cluster_centers_  # pyright: ignore[reportArgumentType]


def _as_many(centroids: np.ndarray, k: int, vectors: np.ndarray, seed: int) -> np.ndarray:
    """`k` centroids from another number of them: the smallest themes go, or the loosest are split in two.

    Fewer than `k` when the vectors of the loosest do not differ.
    """
    while len(centroids) != k:
        similarity = vectors @ centroids.T
        nearest = similarity.argmax(axis=1)
        if len(centroids) > k:
            smallest = np.bincount(nearest, minlength=len(centroids)).argmin()
            centroids = np.delete(centroids, smallest, axis=0)
            continue
        loose = np.bincount(nearest, 1 - similarity.max(axis=1), minlength=len(centroids)).argmax()
        members = vectors[nearest == loose]
        if len(np.unique(members, axis=0)) < 2:
            break  # nothing is left to split
        centroids = np.vstack([np.delete(centroids, loose, axis=0), _k_means(members, 2, seed)])
    return centroids


def _settle(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Spherical k-means (Dhillon, Modha 2001) from these centroids until no vector changes its theme.

    Each round rounds the centroids as `encode_centroid` does: the next run starts from exactly these, and stays.
    """
    before = None
    for _ in range(ROUNDS):
        centroids = centroids / np.maximum(np.linalg.norm(centroids, axis=1, keepdims=True), 1e-12)
        centroids = np.round(centroids.astype(np.float64), DIGITS).astype(np.float32)
        nearest = (vectors @ centroids.T).argmax(axis=1)
        if before is not None and (nearest == before).all():
            break
        before = nearest
        members = np.arange(len(centroids))[:, None] == nearest
        # A theme without members stays where it was.
        centroids = np.where(members.any(axis=1)[:, None], members.astype(np.float32) @ vectors, centroids)
    return centroids


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
    """The centroid as JSON text."""
    return json.dumps([round(float(x), DIGITS) for x in centroid])


def decode_centroids(ids: list[int], centroids: list[str]) -> Themes:
    """The themes that `encode_centroid` wrote."""
    return Themes(np.array(ids, dtype=np.int64), np.array([json.loads(c) for c in centroids], dtype=np.float32))
