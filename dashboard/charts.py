"""Charts in one theme. Colours with a meaning are the same everywhere and read on light and on dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

GOOD, BAD, MIXED, PLAIN = "#14a394", "#e05260", "#dfa23c", "#8a9694"
MOVEMENT = {
    "new": "#14a394",
    "reactivation": "#57a6d9",
    "upgrade": "#7fbf6a",
    "downgrade": "#dfa23c",
    "churn": "#e05260",
}
CATEGORIES = ("#149e8e", "#e2a03f", "#5b7ee5", "#dc5a6a", "#9673d6", "#6fae5a", "#3ea9cf")
"""For categories without a meaning; more of them than these are one, "other"."""
OTHER = "other"
_GREY = {OTHER: "#aab3b1", "unattributed": "#6d7775", "(none)": "#8a9694"}
MONTH_AXIS = "%b %Y"


def colours_of(names: list[str]) -> list[str]:
    """A colour for each name; what is nobody's own is grey."""
    colours = iter(CATEGORIES)
    return [_GREY.get(name) or next(colours, PLAIN) for name in names]


def text_colour() -> str:
    """The colour of words inside a chart, which Streamlit's theme leaves black, on the page's background."""
    return "#e6eeec" if st.context.theme.type == "dark" else "#14211f"


def greatest(frame: pd.DataFrame, category: str, value: str) -> tuple[pd.DataFrame, list[str]]:
    """The frame with its smaller categories as "other", and the categories from the greatest; grey ones last."""
    totals = frame.groupby(category)[value].sum().sort_values(ascending=False, kind="stable")
    own = [str(name) for name in totals.index if name not in _GREY]
    kept = own[: len(CATEGORIES)] if len(own) > len(CATEGORIES) else own
    folded = frame.assign(**{category: frame[category].where(frame[category].isin([*kept, *_GREY]), OTHER)})
    there = set(folded[category])
    return folded, [*kept, *(grey for grey in _GREY if grey in there)]


def amount_axis(format_: str) -> alt.Axis:
    """An axis of amounts; of things that are counted, without halves."""
    import altair as alt

    return alt.Axis(format=format_, tickMinStep=1) if format_ == ",.0f" else alt.Axis(format=format_)


def show(chart: alt.Chart | alt.LayerChart | alt.FacetChart, alt_text: str, key: str | None = None) -> None:
    """Draw a chart at full width with a text for those who cannot see it."""
    st.altair_chart(chart, width="stretch", alt=alt_text, key=key)


def waterfall(steps: pd.DataFrame, height: int = 320) -> alt.LayerChart | alt.FacetChart:
    """Columns of `steps` (label, amount, kind, start, end) from left to right; the totals stand on zero."""
    import altair as alt

    order = list(steps["label"])
    x = alt.X("label:N", sort=order, title=None, axis=alt.Axis(labelAngle=-30, labelOverlap=False, labelLimit=90))
    highest = max(float(steps["top"].max()), 1.0)
    room = alt.Scale(domainMin=min(0.0, float(steps[["start", "end"]].min().min())), domainMax=highest * 1.1)
    bars = (
        alt.Chart(steps)
        .mark_bar(cornerRadius=3)
        .encode(
            x=x,
            y=alt.Y("start:Q", title="MRR, dollars", scale=room, axis=alt.Axis(format="$,.0f")),
            y2="end:Q",
            color=alt.Color(
                "kind:N",
                legend=None,
                scale=alt.Scale(domain=["total", *MOVEMENT], range=["#7d8b89", *MOVEMENT.values()]),
            ),
            tooltip=[alt.Tooltip("label:N", title="Step"), alt.Tooltip("amount:Q", format="$,.0f", title="Dollars")],
        )
    )
    text = (
        alt.Chart(steps)
        .mark_text(dy=-7, fontSize=11, color=PLAIN)
        .encode(x=x, y=alt.Y("top:Q", scale=room), text=alt.Text("amount:Q", format="$,.0f"))
    )
    return alt.layer(bars, text).properties(height=height)


def movement_bars(months: pd.DataFrame, height: int = 300) -> alt.Chart:
    """Columns date_month, change_category, amount: stacked above and below zero."""
    import altair as alt

    return (
        alt.Chart(months)
        .mark_bar()
        .encode(
            x=alt.X("yearmonth(date_month):T", title=None, axis=alt.Axis(format=MONTH_AXIS, labelOverlap=True)),
            y=alt.Y("sum(amount):Q", title="Change of MRR, dollars", axis=alt.Axis(format="$,.0f")),
            color=alt.Color(
                "change_category:N",
                title=None,
                scale=alt.Scale(domain=list(MOVEMENT), range=list(MOVEMENT.values())),
                legend=alt.Legend(orient="top", columns=3),
            ),
            tooltip=[
                alt.Tooltip("yearmonth(date_month):T", title="Month", format=MONTH_AXIS),
                alt.Tooltip("change_category:N", title="Movement"),
                alt.Tooltip("sum(amount):Q", title="Dollars", format="$,.2f"),
                alt.Tooltip("sum(customers):Q", title="Customers"),
            ],
        )
        .properties(height=height)
    )


def line(
    frame: pd.DataFrame,
    x: str,
    y: str,
    title: str,
    format_: str = "$,.0f",
    height: int = 240,
    interpolate: Literal["monotone", "step-after"] = "monotone",
) -> alt.Chart:
    """One value over months."""
    import altair as alt

    return (
        alt.Chart(frame)
        .mark_area(line={"strokeWidth": 2}, opacity=0.22, interpolate=interpolate)
        .encode(
            x=alt.X(f"{x}:T", title=None, axis=alt.Axis(format=MONTH_AXIS, labelOverlap=True)),
            y=alt.Y(f"{y}:Q", title=title, axis=alt.Axis(format=format_)),
            tooltip=[
                alt.Tooltip(f"{x}:T", format=MONTH_AXIS, title="Month"),
                alt.Tooltip(f"{y}:Q", format=format_, title=title),
            ],
        )
        .properties(height=height)
    )


def stacked(
    frame: pd.DataFrame, x: str, y: str, colour: str, title: str, format_: str = "$,.0f", height: int = 300
) -> alt.Chart:
    """Bars by month, stacked by a category."""
    import altair as alt

    folded, names = greatest(frame, colour, y)
    rows = -(-len(names) // 3)
    return (
        alt.Chart(folded)
        .mark_bar()
        .encode(
            x=alt.X(f"yearmonth({x}):O", title=None, axis=alt.Axis(format=MONTH_AXIS, labelAngle=0, labelOverlap=True)),
            y=alt.Y(f"sum({y}):Q", title=title, axis=alt.Axis(format=format_)),
            color=alt.Color(
                f"{colour}:N",
                title=None,
                scale=alt.Scale(domain=names, range=colours_of(names)),
                legend=alt.Legend(orient="top", columns=3, labelLimit=90, labelFontSize=11, columnPadding=6),
            ),
            tooltip=[
                alt.Tooltip(f"yearmonth({x}):T", format=MONTH_AXIS, title="Month"),
                alt.Tooltip(f"{colour}:N", title="Part"),
                alt.Tooltip(f"sum({y}):Q", format=format_, title=title),
            ],
        )
        # The legend takes its room from the height.
        .properties(height=height + 18 * rows)
    )


def bars(frame: pd.DataFrame, category: str, value: str, title: str, format_: str = "$,.0f") -> alt.Chart:
    """Horizontal bars, greatest first."""
    import altair as alt

    return (
        alt.Chart(frame)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            y=alt.Y(f"{category}:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
            x=alt.X(f"{value}:Q", title=title, axis=amount_axis(format_)),
            tooltip=[
                alt.Tooltip(f"{category}:N", title="Which"),
                alt.Tooltip(f"{value}:Q", format=format_, title=title),
            ],
        )
        .properties(height=alt.Step(26))
    )


def sentiment_colour(value: Any) -> str:
    """A background for a sentiment (0 to 1, or empty), red over amber to green; readable under any text."""
    if value is None or value != value:
        return ""
    rgb = "224,82,96" if value < 0.4 else "223,162,60" if value < 0.6 else "20,163,148"
    strength = 0.18 + 0.3 * min(1.0, abs(value - 0.5) * 2)
    return f"background-color: rgba({rgb},{strength:.2f})"
