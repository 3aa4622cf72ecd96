"""The sizing in docs/production.md is what its rates give."""

from __future__ import annotations

import pytest

from benchmarks import sizing


def test_the_page_has_the_tables_of_the_rates() -> None:
    assert sizing.PAGE.read_text() == sizing.page(), "run python -m benchmarks.sizing --write"


def test_the_results_follow_from_the_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked out by hand, once: 100M texts at 57 a second are 20.3 days of 2 cores, 974.7 core-hours; and so on."""
    for begins, value in {
        "embedding": 57, "transcription": 0.4, "structured part, 10,000": 30, "structured part, 100,000": 91,
    }.items():  # fmt: skip
        (name,) = [n for n in sizing.RATES if n.startswith(begins)]
        monkeypatch.setitem(sizing.RATES, name, sizing.Rate(value, "", "m"))
    results = {step: f"{how} -> {result}" for step, how, result in sizing.derived()}
    assert "20 days on 2 cores, 975 core-hours" in results["embed all comments, own cores"]
    assert "214 GB" in results["memory of Weaviate"]
    assert "20,000 core-hours" in results["transcribe all calls"]
    assert "18.8 hours" in results["all sessions as files through one machine"]
    assert "360 dollars" in results["Snowflake computing"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(5, "5 s"), (120, "2.0 minutes"), (7200, "2.0 hours"), (2e6, "23 days")]
)
def test_spans_read_well(seconds: float, shown: str) -> None:
    assert sizing.span(seconds) == shown
