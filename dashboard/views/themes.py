"""What customers talk about: themes, how they feel about them, and how that changes."""

import html

import streamlit as st

from dashboard import formats, queries
from dashboard.charts import amount_axis, show
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_yet, page
from dashboard.safe_text import excerpt

ORDERS = {"size": "Most mentioned", "complaints": "Most complained about", "praise": "Most praised"}

with page("Themes", "What customers complain about and praise, found by the likeness of what they say."):
    themes = queries.themes()
    data_up_to(queries.data_up_to("PRED_TWITTER_COMMENTS.date"))
    if not len(themes):
        nothing_yet("There is no comment or call in the sources (twitter_comments, customer_calls).")
        st.stop()
    themes["total"] = themes["comments"] + themes["calls"]
    themes["complaints"] = themes["negative"] / themes["total"]
    order = st.segmented_control(
        "Order",
        list(ORDERS),
        format_func=ORDERS.__getitem__,
        default="size",
        required=True,
        key="order",
        persist_state="session",
    )
    column, ascending = {"complaints": ("mean_sentiment", True), "praise": ("mean_sentiment", False)}.get(
        order or "", ("total", False)
    )
    themes = themes.sort_values([column, "theme_id"], ascending=[ascending, True]).reset_index(drop=True)
    import altair as alt

    chart = (
        alt.Chart(themes)
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=240)),
            x=alt.X("total:Q", title="Comments and calls", axis=amount_axis(",.0f")),
            color=alt.Color(
                "mean_sentiment:Q",
                title="Sentiment",
                scale=alt.Scale(domain=[0.2, 0.5, 0.8], range=["#e05260", "#dfa23c", "#14a394"], clamp=True),
                legend=alt.Legend(format="%", orient="top", gradientLength=90, values=[0.2, 0.5, 0.8]),
            ),
            tooltip=[
                alt.Tooltip("label:N", title="Theme"),
                alt.Tooltip("comments:Q", format=",", title="Comments"),
                alt.Tooltip("calls:Q", format=",", title="Calls"),
                alt.Tooltip("mean_sentiment:Q", format=".0%", title="Mean sentiment"),
                alt.Tooltip("complaints:Q", format=".0%", title="Negative"),
            ],
        )
        .properties(height=alt.Step(24))
    )
    show(chart, "Themes by number of comments and calls, coloured by sentiment")

    labels = {int(i): str(label) for i, label in zip(themes["theme_id"], themes["label"], strict=True)}
    theme_id = st.selectbox("Theme", list(labels), format_func=labels.__getitem__, key="theme", persist_state="session")
    chosen = themes[themes["theme_id"] == theme_id].iloc[0]
    months = queries.theme_months(theme_id)
    figures(
        ("Comments", formats.number(chosen["comments"]), None),
        ("Calls", formats.number(chosen["calls"]), None),
        ("Mean sentiment", formats.percent(chosen["mean_sentiment"]), None),
        ("Negative", formats.percent(chosen["complaints"]), None),
    )
    dated = months[months["date_month"].notna()].copy()
    if len(dated):
        dated["positive"] = dated["comments"] + dated["calls"] - dated["negative"]
        long = dated.melt("date_month", ["positive", "negative"], "feeling", "count")
        show(
            alt.Chart(long)
            .mark_bar()
            .encode(
                x=alt.X(
                    "yearmonth(date_month):O",
                    title=None,
                    axis=alt.Axis(format="%b %Y", labelAngle=0, labelOverlap=True),
                ),
                y=alt.Y("sum(count):Q", title="Comments", axis=amount_axis(",.0f")),
                color=alt.Color(
                    "feeling:N",
                    title=None,
                    scale=alt.Scale(domain=["positive", "negative"], range=["#14a394", "#e05260"]),
                    legend=alt.Legend(orient="top"),
                ),
                tooltip=[
                    alt.Tooltip("yearmonth(date_month):T", format="%b %Y", title="Month"),
                    alt.Tooltip("feeling:N", title="Feeling"),
                    alt.Tooltip("sum(count):Q", title="Comments", format=","),
                ],
            )
            .properties(height=220),
            "Comments of the theme by month and feeling",
        )
    st.subheader("In customers' words", anchor=False)
    cards = []
    for row in months.head(3).to_dict("records"):
        when = (
            formats.month(row["date_month"])
            if row["date_month"] == row["date_month"] and row["date_month"]
            else "Calls"
        )
        for text in (row["passage_1"], row["passage_2"], row["passage_3"]):
            if isinstance(text, str):
                part, _ = excerpt(text, [])
                cards.append(
                    f'<div class="card"><p>{html.escape(part)}</p><div class="meta"><span>{when}</span></div></div>'
                )
    st.html("".join(cards[:6]))
    download(lambda: themes[["theme_id", "label", "comments", "calls", "negative", "mean_sentiment"]], "themes")
