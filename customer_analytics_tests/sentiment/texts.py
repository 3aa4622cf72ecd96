"""Made-up labelled texts with vectors that carry a little of the label."""

from __future__ import annotations

import numpy as np

from customer_analytics.sentiment.training_set import TrainingSet, training_set

GOOD = ["love", "great", "perfect", "happy", "wonderful", "sturdy"]
BAD = ["broke", "awful", "refund", "terrible", "cheap", "sad"]
NEUTRAL = ["the", "toy", "kid", "bought", "box", "day", "it", "for", "we", "train"]


def labelled(rows: int, seed: int = 0, noise: float = 0.1) -> tuple[list[str], list[str], np.ndarray]:
    """Texts, labels '0' and '1', unit vectors of 16 numbers."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, rows)
    texts, vectors = [], random.normal(size=(rows, 16)).astype(np.float32)
    for i, label in enumerate(labels):
        words = [*random.choice(NEUTRAL, 8), *random.choice(GOOD if (random.random() > noise) == label else BAD, 2)]
        texts.append(" ".join(random.permutation(words)) + f" n{i}")
    vectors[:, 0] += 2 * labels - 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return texts, [str(label) for label in labels], vectors


def sample_set(rows: int = 400, seed: int = 0) -> TrainingSet:
    return training_set(*labelled(rows, seed), embedding_model="test:16")
