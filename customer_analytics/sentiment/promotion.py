"""Whether a challenger takes the champion's place: decided on the same holdout, never by age."""

from __future__ import annotations

from dataclasses import dataclass

from customer_analytics.sentiment.evaluation import Scores


@dataclass(frozen=True)
class Decision:
    """`promoted`, and why, as a sentence for the Dagster page."""

    promoted: bool
    reason: str


def decide(challenger: Scores, champion: Scores | None, floor: float) -> Decision:
    """Promote a challenger whose ROC AUC on the holdout is at least `floor` and not below the champion's.

    `champion` is None where there is none, or where it was trained on other embeddings and so can score nothing.
    """
    if challenger.auc < floor:
        return Decision(False, f"AUC {challenger.auc:.4f} on the holdout is below the floor {floor:.4f}")
    if champion is None:
        return Decision(True, f"AUC {challenger.auc:.4f} on the holdout reaches the floor {floor:.4f}; no rival")
    if challenger.auc < champion.auc:
        return Decision(
            False, f"AUC {challenger.auc:.4f} on the holdout is worse than the champion's {champion.auc:.4f}"
        )
    return Decision(
        True, f"AUC {challenger.auc:.4f} on the holdout is not worse than the champion's {champion.auc:.4f}"
    )
