"""What the classifier learns from: labelled texts with their vectors, and the holdout that it never sees."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

HOLDOUT_SHARE = 0.2
MINIMUM_PER_CLASS = 50
MINIMUM_HOLDOUT_PER_CLASS = 5


class NotEnoughToLearn(Exception):
    """There are too few labelled texts, or only one class of them; the message says how many."""


@dataclass(frozen=True)
class TrainingSet:
    """Distinct labelled texts. Row i is texts[i], labels[i] (0 negative, 1 positive), vectors[i], keys[i]."""

    texts: np.ndarray
    labels: np.ndarray
    vectors: np.ndarray
    """float32, shape (rows, dimension)"""
    keys: np.ndarray
    """`text_keys` of the texts, uint64"""
    embedding_model: str
    contradictory: int = 0
    """Texts left out because they stand there with both labels."""
    repeated: int = 0
    """Rows left out because the same text stands there already with the same label."""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def held_out(self) -> np.ndarray:
        """Which rows belong to the holdout.

        A text's own hash decides, within its class: a text never changes sides when others come or go,
        so champion and challenger are judged on the same texts and neither ever trained on one.
        """
        return self.keys / np.float64(2**64) < HOLDOUT_SHARE

    @property
    def pool(self) -> TrainingSet:
        """The rows to train on."""
        return self.rows(~self.held_out)

    @property
    def holdout(self) -> TrainingSet:
        return self.rows(self.held_out)

    def rows(self, which: np.ndarray) -> TrainingSet:
        return TrainingSet(
            self.texts[which], self.labels[which], self.vectors[which], self.keys[which], self.embedding_model
        )

    @property
    def fingerprint(self) -> str:
        """Changes when a text, a label or the embedding model does; not with the order of rows."""
        digest = hashlib.sha256(self.embedding_model.encode())
        order = np.argsort(self.keys)
        digest.update(self.keys[order].tobytes())
        digest.update(self.labels[order].astype(np.int8).tobytes())
        return digest.hexdigest()[:32]

    def require_enough(self) -> None:
        """Raise `NotEnoughToLearn` when no honest model can come of it."""
        if not len(self):
            raise NotEnoughToLearn("There is no labelled text: give a source comment_training")
        counts = np.bincount(self.labels, minlength=2)
        if counts.min() == 0:
            only = "positive" if counts[1] else "negative"
            raise NotEnoughToLearn(f"All {len(self)} labelled texts are {only}: both classes are needed")
        if counts.min() < MINIMUM_PER_CLASS:
            raise NotEnoughToLearn(
                f"There are {counts[0]} negative and {counts[1]} positive texts: "
                f"at least {MINIMUM_PER_CLASS} of each are needed"
            )
        held = np.bincount(self.holdout.labels, minlength=2)
        if held.min() < MINIMUM_HOLDOUT_PER_CLASS:
            raise NotEnoughToLearn(
                f"The holdout has {held[0]} negative and {held[1]} positive texts, at least "
                f"{MINIMUM_HOLDOUT_PER_CLASS} of each are needed to judge a model: label more texts"
            )


def training_set(
    texts: Sequence[str], labels: Sequence[str | int], vectors: np.ndarray, embedding_model: str
) -> TrainingSet:
    """Check and clean labelled texts.

    Texts that differ only in case, spaces or Unicode form are one. Of a text with both labels nothing
    is kept. A label other than '0' and '1', a blank text or a vector that is not finite is a `ValueError`.
    """
    if not len(texts) == len(labels) == len(vectors):
        raise ValueError(f"{len(texts)} texts, {len(labels)} labels and {len(vectors)} vectors do not belong together")
    if odd := sorted({repr(label) for label in labels if str(label) not in ("0", "1")}):
        raise ValueError(f"Labels must be '0' (negative) or '1' (positive), not {', '.join(odd[:5])}")
    if any(not text or not text.strip() for text in texts):
        raise ValueError("A training text is blank: remove it from comment_training")
    if len(texts) and not np.isfinite(vectors).all():
        raise ValueError("A training text has a vector that is not finite: embed CommentTraining again")
    y = np.array([int(label) for label in labels], np.int64)
    keys = text_keys(texts)
    unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    positive = np.bincount(inverse, weights=y, minlength=len(unique))
    rows = np.bincount(inverse, minlength=len(unique))
    both = (positive > 0) & (positive < rows)
    kept = first[~both]
    return TrainingSet(
        np.array(list(texts), object)[kept],
        y[kept],
        np.asarray(vectors, np.float32)[kept] if len(texts) else np.zeros((0, 0), np.float32),
        keys[kept],
        embedding_model,
        contradictory=int(both.sum()),
        repeated=int(rows[~both].sum() - len(kept)),
    )


def text_keys(texts: Sequence[str]) -> np.ndarray:
    """64 bits of SHA-256 of each text, in one case, with single spaces, in Unicode's NFKC form."""
    return np.array([_key(text) for text in texts], np.uint64)


def _key(text: str) -> int:
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return int.from_bytes(hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()[:8], "big")
