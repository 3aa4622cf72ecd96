"""Whether a new lifetime-value model takes the champion's place, and whether a model is fit to predict at all.

A champion was trained up to its own day, mostly within the days that a later backtest holds back, so its own
predictions for those days would flatter it. What is compared on the same customers and days is its way of predicting,
fitted anew on what came before them: every way competes in every backtest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEAST, MOST = 0.01, 5.0
"""Predicted dollars per day, as a multiple of those of the last 90 days or of the whole history, whichever is more. The
lower bound holds for models that a backtest judged: a shop of yesterday, or one whose customers all came once, may be
predicted next to nothing."""
NOISE = 0.01
"""Losses closer than this are alike."""


@dataclass(frozen=True)
class Decision:
    """`promoted`, and why, as a sentence for the Dagster page."""

    promoted: bool
    reason: str


def unfit(figures: Mapping[str, Any], ratio: float | None, floor: float) -> str | None:
    """Why a model must not predict, or None. `figures` are those logged with it, `ratio` its total against the past's
    on the present data (None where the past has no spend), `floor` the least normalised Gini in its backtest."""
    judged = backtest_of(figures)
    gini = judged["normalised_gini"] if judged else None
    if gini is not None and gini < floor - 1e-9:
        return f"its normalised Gini in the backtest is {gini:.3f}, below the floor {floor:.3f}"
    if ratio is None:
        return None
    least = LEAST if judged else 0.0
    if not least <= ratio <= MOST:  # also what is no number
        return f"it predicts {ratio:.3g} times what was spent per day, which is not between {least:g} and {MOST:g}"
    return None


def decide(challenger: Mapping[str, Any], champion: Mapping[str, Any] | None, floor: float) -> Decision:
    """By the figures logged with each. `champion` is None where there is none."""
    if (why := unfit(challenger, challenger.get("total_against_past"), floor)) is not None:
        return Decision(False, f"not promoted: {why}")
    judged = backtest_of(challenger)
    if judged is None:
        return Decision(True, "promoted unjudged: there is too little to compare by")
    told = f"loss {judged['loss']:.3f} and normalised Gini {judged['normalised_gini']:.3f} in the backtest"
    rival = challenger["scores"].get(champion.get("candidate")) if champion else None
    if rival is None:
        return Decision(True, f"promoted with {told}; no rival")
    if judged["loss"] > rival["loss"] + NOISE:
        return Decision(False, f"not promoted: {told}, where the champion's way has the loss {rival['loss']:.3f}")
    return Decision(True, f"promoted with {told}, where the champion's way has the loss {rival['loss']:.3f}")


def backtest_of(figures: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The chosen candidate's scores in the backtest; None where there was none."""
    return (figures.get("scores") or {}).get(figures.get("candidate"))
