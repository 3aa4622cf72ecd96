"""Search over comments and calls together: conditions, one order for both kinds, as many as asked for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from dashboard import queries, retrieval
from dashboard.queries import Conditions

MODES = pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])


@pytest.fixture(autouse=True)
def _home(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))


@MODES
def test_each_condition_holds(mode: str) -> None:
    def found(**conditions: object):
        frame = queries.search("the toy broke after a week", mode, Conditions(**conditions), 200)
        assert len(frame)
        assert frame["score"].is_monotonic_decreasing
        assert frame["id"].is_unique
        return frame

    assert set(found()["kind"]) == {"comment", "call"}
    assert set(found(kinds=("call",))["customer_id"]) == {6, 8}
    assert set(found(customer_id=8)["customer_id"]) == {8}
    dated = found(since=dt.date(2020, 3, 1), until=dt.date(2020, 4, 30))
    assert set(dated["kind"]) == {"comment"}
    assert dated["date"].dt.month.between(3, 4).all()
    assert found(low=0.7, high=0.9)["sentiment"].between(0.7, 0.9).all()
    assert not len(queries.search("train", mode, Conditions(kinds=("call",), since=dt.date(2020, 1, 1)), 20))


@pytest.mark.parametrize("few", [1000, 0])
@MODES
def test_a_sentiment_is_found_however_far_down(mode: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "_FEW", few or 1)
    monkeypatch.setattr(retrieval, "_FUSED", 2)
    # The unhappy ones say this; every text says "the", so that words alone find the happy ones as well.
    found = queries.search("the plastic is cheap, it broke", mode, Conditions(low=0.6), 3)
    assert len(found) == 3
    assert (found["sentiment"] >= 0.6).all()


def test_a_poor_call_does_not_stand_among_good_comments() -> None:
    found = queries.search("Great puzzle! Sturdy, and the colours are lovely.", "hybrid", Conditions(), 5)
    assert set(found["kind"]) == {"comment"}


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="magic"):
        queries.search("x", "magic", Conditions())
