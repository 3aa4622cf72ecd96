"""How good scores are, on texts that the model never saw."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Scores:
    """All of one set of predictions against the truth; higher is better for the first three, lower for the others."""

    accuracy: float
    balanced_accuracy: float
    auc: float
    log_loss: float
    brier: float
    calibration_error: float
    """Expected calibration error: mean |predicted - observed| over ten equally full bins (Naeini et al. 2015)"""
    rows: int

    def as_metrics(self, prefix: str) -> dict[str, float]:
        return {f"{prefix}_{name}": round(float(value), 6) for name, value in asdict(self).items()}


def evaluate(labels: np.ndarray, positive: np.ndarray) -> Scores:
    """Judge probabilities of positive; both classes must be there."""
    from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

    said = (positive >= 0.5).astype(int)
    predicted, observed, weight = calibration_curve(labels, positive)
    return Scores(
        accuracy=float((said == labels).mean()),
        balanced_accuracy=float(balanced_accuracy_score(labels, said)),
        auc=float(roc_auc_score(labels, positive)),
        log_loss=float(log_loss(labels, np.clip(positive, 1e-6, 1 - 1e-6))),
        brier=float(np.mean((positive - labels) ** 2)),
        calibration_error=float(np.sum(weight * np.abs(predicted - observed))),
        rows=len(labels),
    )


def calibration_curve(labels: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean prediction, share of positives and share of rows of each of ten equally full bins."""
    bins = np.array_split(np.argsort(positive, kind="stable"), min(CALIBRATION_BINS, len(labels)))
    predicted = np.array([positive[b].mean() for b in bins])
    observed = np.array([labels[b].mean() for b in bins])
    return predicted, observed, np.array([len(b) for b in bins]) / len(labels)
