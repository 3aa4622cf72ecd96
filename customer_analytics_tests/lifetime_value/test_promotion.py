from __future__ import annotations

from typing import Any

import pytest

from customer_analytics.lifetime_value.promotion import decide, unfit


def figures(candidate: str = "LightGBM", ratio: float | None = 0.9, **losses: float) -> dict[str, Any]:
    """What is logged with a version; every candidate has the Gini .6."""
    scores = {name: {"loss": loss, "normalised_gini": 0.6} for name, loss in losses.items()}
    return {"candidate": candidate, "scores": scores, "total_against_past": ratio}


def test_a_model_is_promoted_when_the_champions_way_is_not_better_on_the_same_customers():
    challenger = figures(LightGBM=0.8, mean=0.81, blend=0.78)
    assert decide(challenger, None, 0.5).promoted
    assert decide(challenger, figures("mean"), 0.5).promoted
    assert "the champion's way has the loss 0.810" in decide(challenger, figures("mean"), 0.5).reason
    assert not decide(challenger, figures("blend"), 0.5).promoted
    assert decide(challenger, figures("a way that is no more"), 0.5).promoted


def test_a_model_below_the_floor_is_not_promoted():
    decision = decide(figures(LightGBM=0.8), None, 0.7)
    assert not decision.promoted
    assert "0.600, below the floor 0.700" in decision.reason


@pytest.mark.parametrize(("ratio", "fit"), [(None, True), (1.0, True), (5.0, True), (5.1, False), (0.001, False)])
def test_a_model_that_predicts_what_cannot_be_is_not_promoted(ratio, fit):
    assert decide(figures(ratio=ratio, LightGBM=0.8), None, 0.0).promoted is fit
    assert (unfit(figures(LightGBM=0.8), ratio, 0.0) is None) is fit


def test_with_too_little_to_compare_by_next_to_nothing_may_be_predicted_but_not_everything():
    assert "unjudged" in decide(figures("BG/NBD", ratio=0.0), figures("LightGBM"), 0.9).reason
    assert decide(figures("BG/NBD", ratio=0.0), None, 0.9).promoted
    assert not decide(figures("BG/NBD", ratio=50.0), None, 0.0).promoted
