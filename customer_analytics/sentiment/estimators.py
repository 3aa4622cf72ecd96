"""The classifiers themselves. Stored with every logged version: this module imports nothing of the project.

A base learner sees either the vectors or the texts. A `SentimentModel` joins one or more of them by
logistic regression on their log-odds, learned from scores out of fold, which also calibrates
(stacking: Wolpert 1992; calibration: Platt 1999).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_union

TEXT, VECTOR = "REVIEW_TEXT", "VECTOR"
BASES = ("embedding_lightgbm", "embedding_logistic", "tfidf_logistic", "naive_bayes_logistic")

# Words with inner apostrophes, runs of ! and ?, and signs of two or more (emoticons): all carry feeling.
_TOKENS = r"(?u)\b\w[\w']*\b|[!?]+|[^\w\s]{2,}"
_RARE_FROM = 500
_MAXIMUM_FEATURES = 200_000


class NaiveBayesLogistic(ClassifierMixin, BaseEstimator):
    """Logistic regression on words and pairs of words, each scaled by its naive Bayes log-count ratio.

    Wang and Manning 2012, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification".
    """

    def __init__(self, C: float = 10.0, seed: int = 0) -> None:
        self.C, self.seed = C, seed

    def fit(self, texts: np.ndarray, labels: np.ndarray) -> NaiveBayesLogistic:
        self.features_ = _words(len(texts))
        counts = _fitted(self.features_, texts)
        present = counts > 0
        positive = np.asarray(present[labels == 1].sum(axis=0)).ravel() + 1.0
        negative = np.asarray(present[labels == 0].sum(axis=0)).ravel() + 1.0
        self.ratio_ = np.log((positive / positive.sum()) / (negative / negative.sum()))
        self.classifier_ = _logistic(self.C, self.seed).fit(counts.multiply(self.ratio_).tocsr(), labels)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, texts: np.ndarray) -> np.ndarray:
        return self.classifier_.predict_proba(self.features_.transform(texts).multiply(self.ratio_).tocsr())


class TfidfLogistic(ClassifierMixin, BaseEstimator):
    """Logistic regression on TF-IDF of words, pairs of words, and runs of 2 to 5 characters within words."""

    def __init__(self, C: float = 10.0, seed: int = 0) -> None:
        self.C, self.seed = C, seed

    def fit(self, texts: np.ndarray, labels: np.ndarray) -> TfidfLogistic:
        self.features_ = make_union(_words(len(texts)), _characters(len(texts)))
        self.classifier_ = _logistic(self.C, self.seed).fit(_fitted(self.features_, texts), labels)
        self.classes_ = self.classifier_.classes_
        return self

    def predict_proba(self, texts: np.ndarray) -> np.ndarray:
        return self.classifier_.predict_proba(self.features_.transform(texts))


def base_learner(name: str, seed: int) -> Any:
    """An unfitted base learner, one of `BASES`."""
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
        return TfidfLogistic(seed=seed)
    if name == "naive_bayes_logistic":
        return NaiveBayesLogistic(seed=seed)
    raise ValueError(f"{name} is no base learner; there are {', '.join(BASES)}")


def sees(name: str) -> str:
    """VECTOR or TEXT: what this base learner takes."""
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
        combination: Combination | None = None,
        embedding_model: str = "",
        dimension: int = 0,
        known_keys: np.ndarray | None = None,
        known_scores: np.ndarray | None = None,
    ) -> None:
        self.candidate = candidate
        self.bases = bases
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
        given = {TEXT: texts, VECTOR: vectors}
        odds = [log_odds(base.predict_proba(given[sees(name)])[:, 1]) for name, base in (self.bases or {}).items()]
        if self.combination is None:
            raise ValueError("The model is not fitted")
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


def _words(rows: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=_TOKENS,
        strip_accents="unicode",
        sublinear_tf=True,
        min_df=2 if rows >= _RARE_FROM else 1,
        max_features=_MAXIMUM_FEATURES,
    )


def _characters(rows: int) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(2, 5),
        sublinear_tf=True,
        min_df=2 if rows >= _RARE_FROM else 1,
        max_features=_MAXIMUM_FEATURES,
    )


def _fitted(features: Any, texts: np.ndarray) -> Any:
    try:
        return features.fit_transform(texts)
    except ValueError:  # no word stands in two texts: then rare words are all there is
        for part in getattr(features, "transformer_list", [("", features)]):
            part[1].set_params(min_df=1)
        return features.fit_transform(texts)


def _logistic(C: float, seed: int) -> LogisticRegression:
    return LogisticRegression(C=C, solver="liblinear", random_state=seed)
