"""How good a prediction of spend is: ranking, total and error together, never the error alone.

Predicting zero for everybody has a good mean absolute error where most customers spend nothing.
"""

from __future__ import annotations

import numpy as np


def evaluate(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """MAE and RMSE (dollars), Spearman, normalised Gini, total_error (share), top_decile_share (share of all spend)."""
    from scipy.stats import rankdata

    total = float(actual.sum())
    varies = np.ptp(predicted) > 0 and np.ptp(actual) > 0
    return {
        "mae": float(np.abs(predicted - actual).mean()),
        "rmse": float(np.sqrt(((predicted - actual) ** 2).mean())),
        "spearman": float(np.corrcoef(rankdata(predicted), rankdata(actual))[0, 1]) if varies else 0.0,
        "normalised_gini": normalised_gini(predicted, actual),
        "total_error": float(predicted.sum() / total - 1) if total > 0 else float("nan"),
        "top_decile_share": top_share(predicted, actual, 0.1),
    }


def normalised_gini(predicted: np.ndarray, actual: np.ndarray) -> float:
    """1: the order of the predictions is that of the spend; 0: it says nothing. Ties share their spend."""

    def gini(by: np.ndarray) -> float:
        captured = np.cumsum(_in_order(by, actual)) / actual.sum()
        return float((captured - np.arange(1, actual.size + 1) / actual.size).sum())

    if actual.size == 0 or actual.sum() <= 0 or np.ptp(actual) == 0:
        return 0.0
    return gini(predicted) / gini(actual)


def top_share(predicted: np.ndarray, actual: np.ndarray, share: float) -> float:
    """The share of all spend that the customers predicted highest (`share` of them) account for."""
    if actual.sum() <= 0:
        return 0.0
    best = _in_order(predicted, actual)[: max(1, round(share * actual.size))]
    return float(best.sum() / actual.sum())


def _in_order(predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """The spend in falling order of prediction; customers with equal predictions share theirs equally."""
    order = np.argsort(-predicted, kind="stable")
    _, group = np.unique(-predicted[order], return_inverse=True)
    return (np.bincount(group, actual[order].astype(float)) / np.bincount(group))[group]


def loss(scores: dict[str, float], mean_scores: dict[str, float]) -> float:
    """One figure to choose by, lower is better: ranking, error against the mean's, and the total, in equal parts.

    `mean_scores` are those of predicting everybody the mean, which sets the scale of an error.
    """
    error = sum(scores[e] / max(mean_scores[e], 1e-9) for e in ("rmse", "mae")) / 2
    # Without a total there is nothing to hit: ranking and error decide alone.
    total = 0.0 if np.isnan(scores["total_error"]) else abs(np.log(max(1 + scores["total_error"], 1e-3)))
    return float((1 - scores["normalised_gini"]) + error + total)
