"""Small pictures of a model on its holdout, as Markdown with the image inside, for Dagster's metadata."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from customer_analytics.sentiment.evaluation import calibration_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def roc_plot(labels: np.ndarray, positive: Mapping[str, np.ndarray]) -> str:
    """ROC curves of each model named, on the same rows."""
    from sklearn.metrics import roc_curve

    figure = _figure()
    axes = figure.subplots()
    for name, scores in positive.items():
        false, true, _ = roc_curve(labels, scores)
        axes.plot(false, true, label=name)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="False positive rate", ylabel="True positive rate", title="ROC on the holdout")
    axes.legend(loc="lower right", fontsize=7)
    return _markdown(figure, "ROC curve")


def calibration_plot(labels: np.ndarray, positive: Mapping[str, np.ndarray]) -> str:
    """Share of positives against mean prediction, in ten equally full bins."""
    figure = _figure()
    axes = figure.subplots()
    for name, scores in positive.items():
        predicted, observed, _ = calibration_curve(labels, scores)
        axes.plot(predicted, observed, marker="o", markersize=3, label=name)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="Predicted probability", ylabel="Share of positives", title="Calibration on the holdout")
    axes.legend(loc="upper left", fontsize=7)
    return _markdown(figure, "Calibration curve")


def confusion_plot(labels: np.ndarray, positive: np.ndarray) -> str:
    """Rows by truth and by what was said at 0.5."""
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (labels, (positive >= 0.5).astype(int)), 1)
    figure = _figure()
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues", vmin=0)
    for truth in range(2):
        for said in range(2):
            dark = counts[truth, said] > counts.max() / 2
            axes.text(said, truth, str(counts[truth, said]), ha="center", va="center", color="w" if dark else "k")
    names = ("negative", "positive")
    axes.set(xticks=(0, 1), yticks=(0, 1), xticklabels=names, yticklabels=names, xlabel="Said", ylabel="True")
    axes.set_title("Confusion on the holdout")
    return _markdown(figure, "Confusion matrix")


def _figure() -> Figure:
    from matplotlib.figure import Figure  # not pyplot: no global state, no window, safe in threads

    return Figure(figsize=(3.4, 2.8), dpi=80, layout="constrained")


def _markdown(figure: Figure, name: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return f"![{name}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
