"""The classifiers themselves. Stored with every logged version: this module imports nothing of the project.

A base learner sees either the vectors or the features of the texts. A `SentimentModel` joins one or more of them by
logistic regression on their log-odds, learned from scores out of fold, which also calibrates
(stacking: Wolpert 1992; calibration: Platt 1999).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import normalize

TEXT, VECTOR = "REVIEW_TEXT", "VECTOR"
BASES = ("embedding_lightgbm", "embedding_logistic", "tfidf_logistic", "naive_bayes_logistic")

# Words with inner apostrophes, runs of ! and ?, and signs of two or more (emoticons): all carry feeling.
_TOKENS = re.compile(r"\b\w[\w']*\b|[!?]+|[^\w\s]{2,}")
_LONGEST_TOKEN = 60
_RARE_FROM = 500
_MAXIMUM_FEATURES = 200_000


class TextFeatures(BaseEstimator):
    """TF-IDF (sublinear, each part of unit length) of words with pairs of words, and of pieces of words.

    Pieces are runs of 2 to 5 characters within a token. A word's pieces are looked up once per call
    and not once per occurrence, which makes it several times as fast as scikit-learn's `char_wb`.
    """

    def fit_transform(self, texts: np.ndarray) -> Any:
        """One row per text; `n_words_` columns of words come first. A term in one text only is left out."""
        words: dict[str, int] = {}
        pieces: dict[str, int] = {}
        counts = _counted(texts, _Growing(words), _Growing(pieces))
        (word_counts, self.words_), (piece_counts, self.pieces_) = (
            _common(c, v) for c, v in zip(counts, (words, pieces), strict=True)
        )
        self.n_words_ = len(self.words_)
        self.idf_ = _inverse_frequency(word_counts), _inverse_frequency(piece_counts)
        return self._weighted(word_counts, piece_counts)

    def transform(self, texts: np.ndarray) -> Any:
        return self._weighted(*_counted(texts, self.words_.get, self.pieces_.get))

    def _weighted(self, *counts: Any) -> Any:
        parts = []
        for part, idf in zip(counts, self.idf_, strict=True):
            # A transformed text may lack the vocabulary's last terms: the width is the vocabulary's.
            weighted = csr_matrix((1 + np.log(part.data), part.indices, part.indptr), (part.shape[0], len(idf)))
            parts.append(normalize(weighted.multiply(idf).tocsr()))
        return hstack(parts, format="csr")


class NaiveBayesLogistic(ClassifierMixin, BaseEstimator):
    """Logistic regression on words and pairs of words, each scaled by its naive Bayes log-count ratio.

    Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification".
    """

    def __init__(self, n_words: int = 0, C: float = 10.0, seed: int = 0) -> None:
        self.n_words, self.C, self.seed = n_words, C, seed

    def fit(self, features: Any, labels: np.ndarray) -> NaiveBayesLogistic:
        words = features[:, : self.n_words]
        present = words > 0
        positive = np.asarray(present[labels == 1].sum(axis=0)).ravel() + 1.0
        negative = np.asarray(present[labels == 0].sum(axis=0)).ravel() + 1.0
        self.ratio_ = np.log((positive / positive.sum()) / (negative / negative.sum()))
        self.classifier_ = _logistic(self.C, self.seed).fit(words.multiply(self.ratio_).tocsr(), labels)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, features: Any) -> np.ndarray:
        return self.classifier_.predict_proba(features[:, : self.n_words].multiply(self.ratio_).tocsr())


def base_learner(name: str, seed: int, n_words: int = 0) -> Any:
    """An unfitted base learner, one of `BASES`. `n_words` says how many columns of the text's features are words."""
    if name == "embedding_lightgbm":
        from lightgbm import LGBMClassifier

        # Small trees on few columns each: embeddings spread their meaning thinly. One thread, because on
        # sets of this size threads cost more than they bring, and one gives the same result everywhere.
        return LGBMClassifier(
            n_estimators=300,
            learning_rate=0.05,
            num_leaves=7,
            colsample_bytree=0.1,
            max_bin=63,
            n_jobs=1,
            random_state=seed,
            deterministic=True,
            force_col_wise=True,
            verbose=-1,
        )
    if name == "embedding_logistic":
        return GridSearchCV(
            LogisticRegression(max_iter=1000, random_state=seed),
            {"C": [0.3, 1.0, 3.0, 10.0, 30.0]},
            scoring="neg_log_loss",
            cv=StratifiedKFold(3, shuffle=True, random_state=seed),
        )
    if name == "tfidf_logistic":
        return _logistic(10.0, seed)
    if name == "naive_bayes_logistic":
        return NaiveBayesLogistic(n_words, seed=seed)
    raise ValueError(f"{name} is no base learner; there are {', '.join(BASES)}")


def sees(name: str) -> str:
    """VECTOR or TEXT: what this base learner takes: vectors, or features of the texts."""
    return VECTOR if name.startswith("embedding_") else TEXT


def log_odds(probability: np.ndarray) -> np.ndarray:
    bounded = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.log(bounded / (1 - bounded))


class Combination(ClassifierMixin, BaseEstimator):
    """Log-odds of the bases, shape (rows, bases), to one calibrated probability.

    `averaged` weighs the bases alike and only calibrates; otherwise each gets a weight.
    """

    def __init__(self, averaged: bool = False) -> None:
        self.averaged = averaged

    def fit(self, odds: np.ndarray, labels: np.ndarray) -> Combination:
        self.weights_ = LogisticRegression().fit(self._seen(odds), labels)
        return self

    def positive(self, odds: np.ndarray) -> np.ndarray:
        return self.weights_.predict_proba(self._seen(odds))[:, 1]

    def _seen(self, odds: np.ndarray) -> np.ndarray:
        return odds.mean(axis=1, keepdims=True) if self.averaged else odds


class SentimentModel(ClassifierMixin, BaseEstimator):
    """Fitted bases and their combination, with what is needed to use them honestly.

    `known_keys` (sorted) and `known_scores` hold, for every text of the training set, a score from a
    model that had not seen it: out of fold for the pool, the model's own for the holdout.
    """

    def __init__(
        self,
        candidate: str = "",
        bases: Mapping[str, Any] | None = None,
        features: TextFeatures | None = None,
        combination: Combination | None = None,
        embedding_model: str = "",
        dimension: int = 0,
        known_keys: np.ndarray | None = None,
        known_scores: np.ndarray | None = None,
    ) -> None:
        self.candidate = candidate
        self.bases = bases
        self.features = features
        self.combination = combination
        self.embedding_model = embedding_model
        self.dimension = dimension
        self.known_keys = known_keys
        self.known_scores = known_scores
        self.classes_ = np.array([0, 1])

    def fit(self, X: Any, y: Any = None) -> SentimentModel:
        raise NotImplementedError("A SentimentModel is made by customer_analytics.sentiment.competition")

    def positive(self, texts: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """The probability of positive for each text, as for one never seen."""
        if not len(texts):
            return np.zeros(0)
        if vectors.shape[1] != self.dimension:
            raise ValueError(f"The model takes vectors of {self.dimension} numbers, not {vectors.shape[1]}")
        if self.combination is None or not self.bases:
            raise ValueError("The model is not fitted")
        given = {VECTOR: vectors, TEXT: self.features.transform(texts) if self.features is not None else None}
        odds = [log_odds(base.predict_proba(given[sees(name)])[:, 1]) for name, base in self.bases.items()]
        return self.combination.positive(np.column_stack(odds))

    def recall(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which texts (by key) stand in the training set, and their scores out of fold (NaN elsewhere)."""
        scores = np.full(len(keys), np.nan)
        if self.known_keys is None or self.known_scores is None or not len(self.known_keys):
            return np.zeros(len(keys), bool), scores
        at = np.minimum(np.searchsorted(self.known_keys, keys), len(self.known_keys) - 1)
        known = self.known_keys[at] == keys
        scores[known] = self.known_scores[at[known]]
        return known, scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """The registry's interface: a frame with REVIEW_TEXT and VECTOR (a list of numbers a row)."""
        vectors = np.array([np.asarray(v, np.float32) for v in X[VECTOR]]).reshape(len(X), -1)
        positive = self.positive(X[TEXT].to_numpy(object), vectors)
        return np.column_stack([1 - positive, positive])

    def predict(self, X: Any) -> np.ndarray:
        return (self.predict_proba(X)[:, 1] >= 0.5).astype(int)


Number = Callable[[str], int | None]


class _Growing:
    """A vocabulary that numbers each new term."""

    def __init__(self, terms: dict[str, int]) -> None:
        self._terms = terms

    def __call__(self, term: str) -> int:
        return self._terms.setdefault(term, len(self._terms))


def _tokens(text: str) -> list[str]:
    plain = text.lower()
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return _TOKENS.findall(plain)


def _counted(texts: np.ndarray, word_number: Number, piece_number: Number) -> tuple[Any, Any]:
    """How often each numbered term stands in each text: words with their pairs, and pieces.

    Only distinct tokens and pairs are looked up and cut to pieces; the rest is arithmetic on arrays.
    """
    known: dict[str, int] = {}
    flat: list[int] = []
    ends = [0]
    for text in texts:
        flat.extend(known.setdefault(token, len(known)) for token in _tokens(text))
        ends.append(len(flat))
    names, rows = list(known), len(texts)
    token, row = np.array(flat, np.int64), np.repeat(np.arange(rows), np.diff(ends))
    neighbours = row[:-1] == row[1:]
    pairs, which = np.unique(token[:-1][neighbours] * len(names) + token[1:][neighbours], return_inverse=True)
    word_of = _numbers(word_number, names)
    pair_of = _numbers(word_number, [f"{names[p // len(names)]} {names[p % len(names)]}" for p in pairs.tolist()])
    words = _sparse(np.concatenate([row, row[:-1][neighbours]]), np.concatenate([word_of[token], pair_of[which]]), rows)
    cut = [[number for piece in _pieces(name) if (number := piece_number(piece)) is not None] for name in names]
    pieces_of = _sparse(
        np.repeat(np.arange(len(names)), [len(c) for c in cut]),
        np.fromiter(chain.from_iterable(cut), np.int64),
        len(names),
    )
    return words, _sparse(row, token, rows, len(names)) @ pieces_of


def _numbers(number: Number, terms: list[str]) -> np.ndarray:
    """The number of each term, -1 where it has none."""
    return np.array([-1 if (n := number(term)) is None else n for term in terms], np.int64)


def _pieces(token: str) -> list[str]:
    padded = f" {token[:_LONGEST_TOKEN]} "
    return [padded[i : i + n] for n in range(2, 6) for i in range(len(padded) - n + 1)]


def _sparse(rows: np.ndarray, columns: np.ndarray, height: int, width: int | None = None) -> Any:
    """Counts of (row, column) pairs; a column of -1 is left out."""
    rows, columns = rows[columns >= 0], columns[columns >= 0]
    width = int(columns.max(initial=-1)) + 1 if width is None else width
    return csr_matrix((np.ones(len(rows)), (rows, columns)), (height, width))


def _common(counts: Any, terms: dict[str, int]) -> tuple[Any, dict[str, int]]:
    """The columns of terms in two texts or more (in any, for a small set), the most frequent of them at most."""
    frequency = np.bincount(counts.indices, minlength=len(terms))
    least = 2 if counts.shape[0] >= _RARE_FROM and (frequency >= 2).any() else 1
    order = np.argsort(-frequency, kind="stable")[:_MAXIMUM_FEATURES]
    kept = np.sort(order[frequency[order] >= least])
    names = list(terms)
    return counts[:, kept], {names[old]: new for new, old in enumerate(kept)}


def _inverse_frequency(counts: Any) -> np.ndarray:
    rows, frequency = counts.shape[0], np.bincount(counts.indices, minlength=counts.shape[1])
    return np.log((1 + rows) / (1 + frequency)) + 1


def _logistic(C: float, seed: int) -> LogisticRegression:
    return LogisticRegression(C=C, solver="liblinear", random_state=seed)
