"""Candidates compete by cross-validation inside the pool; the best is fitted on all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from customer_analytics.sentiment.estimators import (
    BASES,
    TEXT,
    VECTOR,
    Combination,
    SentimentModel,
    TextFeatures,
    base_learner,
    log_odds,
    sees,
)
from customer_analytics.sentiment.evaluation import Scores, evaluate
from customer_analytics.sentiment.training_set import TrainingSet

FOLDS = 5
Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Candidate:
    """Base learners and the way they are joined; one alone is only calibrated."""

    name: str
    bases: tuple[str, ...]
    averaged: bool = False


CANDIDATES = (
    *(Candidate(base, (base,)) for base in BASES),
    Candidate("blend_average", BASES[1:], averaged=True),
    Candidate("blend_linear", BASES[1:]),
    Candidate("blend_all", BASES),
)


@dataclass(frozen=True)
class Result:
    """The winner, ready to be logged, and how everyone did."""

    model: SentimentModel
    cross_validated: dict[str, Scores]
    """By candidate, on the pool, out of fold"""
    held_out: Scores
    """The winner on the holdout, which it never saw"""
    held_out_positive: np.ndarray
    """The winner's probabilities for the rows of the holdout"""


def compete(data: TrainingSet, seed: int, candidates: tuple[Candidate, ...] = CANDIDATES) -> Result:
    """Train every candidate and return the one with the lowest cross-validated log loss.

    Log loss is a proper score: it rewards ranking and calibration alike. Raises `NotEnoughToLearn`.
    """
    from threadpoolctl import threadpool_limits

    data.require_enough()
    pool, holdout = data.pool, data.holdout
    # Fits this small lose more by waiting for each other's threads than they gain; one gives the same bits everywhere.
    with threadpool_limits(1):
        model, scores, pool_positive = fit_best(pool, seed, candidates)
    positive = model.positive(holdout.texts, holdout.vectors)
    keys = np.concatenate([pool.keys, holdout.keys])
    order = np.argsort(keys)
    model.known_keys = keys[order]
    model.known_scores = np.concatenate([pool_positive, positive])[order].astype(np.float32)
    return Result(model, scores, evaluate(holdout.labels, positive), positive)


def fit_best(
    pool: TrainingSet, seed: int, candidates: tuple[Candidate, ...] = CANDIDATES
) -> tuple[SentimentModel, dict[str, Scores], np.ndarray]:
    """The best candidate fitted on the whole pool, all candidates' scores, and its scores out of fold."""
    folds = _folds(pool.labels, seed)
    names = tuple(base for base in BASES if any(base in candidate.bases for candidate in candidates))
    odds = _out_of_fold(names, pool, folds, seed)
    positive = {c.name: _combined(c, odds, pool.labels, folds) for c in candidates}
    scores = {name: evaluate(pool.labels, p) for name, p in positive.items()}
    best = min(candidates, key=lambda c: scores[c.name].log_loss)
    combination = Combination(best.averaged).fit(np.column_stack([odds[b] for b in best.bases]), pool.labels)
    features, fitted = _fit(best.bases, pool, seed)
    model = SentimentModel(best.name, fitted, features, combination, pool.embedding_model, pool.vectors.shape[1])
    return model, scores, positive[best.name]


def _fit(names: tuple[str, ...], data: TrainingSet, seed: int) -> tuple[TextFeatures | None, dict[str, Any]]:
    """The base learners fitted on all of `data`; the text's features are made once for all of them."""
    features = TextFeatures() if any(sees(name) == TEXT for name in names) else None
    given = {VECTOR: data.vectors, TEXT: features.fit_transform(data.texts) if features else None}
    width = features.n_words_ if features else 0
    return features, {n: base_learner(n, seed, width).fit(given[sees(n)], data.labels) for n in names}


def _folds(labels: np.ndarray, seed: int) -> Folds:
    from sklearn.model_selection import StratifiedKFold

    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(labels)), labels)
    return [(train, test) for train, test in splits]


def _out_of_fold(names: tuple[str, ...], pool: TrainingSet, folds: Folds, seed: int) -> dict[str, np.ndarray]:
    """Each base's log-odds for each row, by a model that had not seen the row."""
    odds = {name: np.zeros(len(pool)) for name in names}
    for train, test in folds:
        features, fitted = _fit(names, pool.rows(train), seed)
        given = {
            VECTOR: pool.vectors[test],
            TEXT: features.transform(pool.texts[test]) if features else None,
        }
        for name, base in fitted.items():
            odds[name][test] = log_odds(base.predict_proba(given[sees(name)])[:, 1])
    return odds


def _combined(candidate: Candidate, odds: dict[str, np.ndarray], labels: np.ndarray, folds: Folds) -> np.ndarray:
    """Probabilities out of fold: the combination, too, is learned without the rows that it scores."""
    columns, positive = np.column_stack([odds[base] for base in candidate.bases]), np.zeros(len(labels))
    for train, test in folds:
        positive[test] = Combination(candidate.averaged).fit(columns[train], labels[train]).positive(columns[test])
    return positive
