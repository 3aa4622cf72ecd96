"""The ways to a conversion as a Sankey: sources in columns by their place, bands as wide as the conversions.

The last touches stand beside the conversion: a short journey begins further right than a long one.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboard.charts import PLAIN, colours_of, text_colour

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

GOAL = "Conversion"
_GAP = 0.02
"""Between the boxes of a column, as a share of the height."""
_BOX = 0.045
"""Half of a box's width, in columns."""
_POINTS = 16
"""A band is drawn by so many points."""


def layout(steps: Sequence[Sequence[str]], weights: Sequence[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Boxes and bands of journeys: `steps[i]` are its sources, first to last, and `weights[i]` its conversions.

    Boxes: column, name, weight, low, high. Bands: column (where it begins), source, target, weight,
    and the ends' low and high. Everything lies between 0 and 1; columns count from 0, the goal is the last.
    """
    import pandas as pd

    last = max((len(s) for s in steps), default=0)
    boxes: dict[tuple[int, str], float] = {}
    bands: dict[tuple[int, str, str], float] = {}
    for path, weight in zip(steps, weights, strict=True):
        names = [*path, GOAL]
        for place, name in enumerate(names, last + 1 - len(names)):
            boxes[place, name] = boxes.get((place, name), 0.0) + weight
        for place, (source, target) in enumerate(itertools.pairwise(names), last + 1 - len(names)):
            bands[place, source, target] = bands.get((place, source, target), 0.0) + weight

    most = max((sum(1 for place, _ in boxes if place == c) for c in range(last + 1)), default=1)
    scale = (1 - _GAP * (most - 1)) / (sum(weights) or 1)
    placed: dict[tuple[int, str], tuple[float, float]] = {}
    for column in range(last + 1):
        names = sorted((n for c, n in boxes if c == column), key=lambda n: (-boxes[column, n], n))
        used = sum(boxes[column, n] for n in names) * scale + _GAP * (len(names) - 1)
        level = 0.5 + used / 2  # centred, greatest on top
        for name in names:
            placed[column, name] = (level - boxes[column, name] * scale, level)
            level -= boxes[column, name] * scale + _GAP

    leaving = {key: high for key, (_, high) in placed.items()}
    arriving = dict(leaving)
    rows = []
    # Bands leave and arrive in the order of the boxes at their other end, so that few cross.
    for column, source, target in sorted(
        bands, key=lambda b: (b[0], -placed[b[0], b[1]][1], -placed[b[0] + 1, b[2]][1])
    ):
        wide = bands[column, source, target] * scale
        start, end = leaving[column, source], arriving[column + 1, target]
        leaving[column, source] -= wide
        arriving[column + 1, target] -= wide
        rows.append((column, source, target, bands[column, source, target], start - wide, start, end - wide, end))
    return (
        pd.DataFrame(
            [(c, n, boxes[c, n], low, high) for (c, n), (low, high) in placed.items()],
            columns=["column", "name", "weight", "low", "high"],
        ),
        pd.DataFrame(
            rows,
            columns=["column", "source", "target", "weight", "start_low", "start_high", "end_low", "end_high"],
        ),
    )


def sankey(
    steps: Sequence[Sequence[str]], weights: Sequence[float], height: int = 420
) -> alt.LayerChart | alt.FacetChart:
    """The chart of `layout`; sources have the colours that they have elsewhere on the page."""
    import altair as alt
    import pandas as pd

    boxes, bands = layout(steps, weights)
    points = []
    for number, band in enumerate(bands.to_dict("records")):
        for i in range(_POINTS + 1):
            part = i / _POINTS
            eased = part * part * (3 - 2 * part)
            points.append(
                {
                    "band": number,
                    "x": band["column"] + _BOX + part * (1 - 2 * _BOX),
                    "low": band["start_low"] + (band["end_low"] - band["start_low"]) * eased,
                    "high": band["start_high"] + (band["end_high"] - band["start_high"]) * eased,
                    "source": band["source"],
                    "target": band["target"],
                    "weight": band["weight"],
                }
            )
    boxes["left"], boxes["right"] = boxes["column"] - _BOX, boxes["column"] + _BOX
    boxes["middle"] = (boxes["low"] + boxes["high"]) / 2
    boxes["shown"] = [f"{n} {w:,.0f}" for n, w in zip(boxes["name"], boxes["weight"], strict=True)]
    totals = boxes[boxes["name"] != GOAL].groupby("name")["weight"].sum().sort_values(ascending=False)
    names = [*totals.index, GOAL]
    scale = alt.Scale(domain=names, range=[*colours_of(list(totals.index)), PLAIN])
    last = int(boxes["column"].max())
    x = alt.Scale(domain=[-_BOX, last + 0.55], nice=False)
    y = alt.Scale(domain=[0, 1], nice=False)
    flows = (
        alt.Chart(pd.DataFrame(points))
        .mark_area(opacity=0.38)
        .encode(
            x=alt.X("x:Q", scale=x, axis=None),
            y=alt.Y("low:Q", scale=y, axis=None),
            y2="high:Q",
            detail="band:N",
            color=alt.Color("source:N", scale=scale, legend=None),
            tooltip=[
                alt.Tooltip("source:N", title="From"),
                alt.Tooltip("target:N", title="To"),
                alt.Tooltip("weight:Q", title="Conversions", format=",.0f"),
            ],
        )
    )
    blocks = (
        alt.Chart(boxes)
        .mark_rect(cornerRadius=2)
        .encode(
            x=alt.X("left:Q", scale=x, axis=None),
            x2="right:Q",
            y=alt.Y("low:Q", scale=y, axis=None),
            y2="high:Q",
            color=alt.Color("name:N", scale=scale, legend=None),
            tooltip=[
                alt.Tooltip("name:N", title="Source"),
                alt.Tooltip("weight:Q", title="Conversions", format=",.0f"),
            ],
        )
    )
    # A box of less than a line has no room for its name; the tooltip has it.
    words = (
        alt.Chart(boxes[boxes["high"] - boxes["low"] > 0.022])
        .mark_text(align="left", dx=4, fontSize=11, limit=130, color=text_colour())
        .encode(x=alt.X("right:Q", scale=x), y=alt.Y("middle:Q", scale=y), text="shown:N")
    )
    return alt.layer(flows, blocks, words).properties(height=height)
