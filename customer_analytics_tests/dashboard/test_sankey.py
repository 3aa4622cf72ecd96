"""The Sankey's layout: nothing is lost between the columns, nothing overlaps."""

from __future__ import annotations

import pytest

from dashboard.sankey import GOAL, layout, sankey

STEPS = [["a"], ["b", "a"], ["c", "b", "a"], ["a", "c", "b"], ["b"]]
WEIGHTS = [5.0, 3.0, 2.0, 1.0, 4.0]


def test_what_arrives_is_what_converts() -> None:
    boxes, bands = layout(STEPS, WEIGHTS)
    goal = boxes[boxes["name"] == GOAL]
    assert goal["weight"].tolist() == [sum(WEIGHTS)]
    assert bands[bands["target"] == GOAL]["weight"].sum() == sum(WEIGHTS)
    last = boxes[boxes["column"] == 2].set_index("name")["weight"]
    assert last.to_dict() == {"a": 10.0, "b": 5.0}


def test_boxes_of_a_column_do_not_overlap_and_bands_stay_inside() -> None:
    boxes, bands = layout(STEPS, WEIGHTS)
    assert boxes["low"].min() > -1e-9
    assert boxes["high"].max() < 1 + 1e-9
    for _, column in boxes.sort_values("low").groupby("column"):
        assert (column["low"].to_numpy()[1:] >= column["high"].to_numpy()[:-1]).all()
    place = boxes.set_index(["column", "name"])
    for band in bands.to_dict("records"):
        start, end = place.loc[(band["column"], band["source"])], place.loc[(band["column"] + 1, band["target"])]
        assert start["low"] - 1e-9 <= band["start_low"] <= band["start_high"] <= start["high"] + 1e-9
        assert end["low"] - 1e-9 <= band["end_low"] <= band["end_high"] <= end["high"] + 1e-9


@pytest.mark.parametrize("steps", [[["direct"]], [["a", "b"], ["other", "(none)", "unattributed"]]])
def test_it_draws(steps: list[list[str]]) -> None:
    assert sankey(steps, [1.0] * len(steps)).to_dict()["layer"]
