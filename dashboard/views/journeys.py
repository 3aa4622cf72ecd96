"""Which touches precede conversions."""

import streamlit as st

from dashboard import formats, queries
from dashboard.charts import OTHER, amount_axis, colours_of, greatest, show
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_yet, page
from dashboard.sankey import sankey

PLACES = ["first", "middle", "last", "only"]
STEPS = ["third_last", "second_last", "last"]

with page("Journeys", "Which ways people come before they convert."):
    data_up_to(queries.data_up_to("ATTRIBUTION_TOUCHES.converted_at"))
    totals = queries.journey_totals()
    if not totals["paths"]:
        nothing_yet("No session precedes a conversion in the sources (sessions, customer_conversions).")
        st.stop()
    paths = queries.journeys(25)
    paths["median_days"] = paths["median_days"].astype(float)
    figures(
        ("Conversions with a touch", formats.number(totals["conversions"]), None),
        ("Revenue of them", formats.money(totals["revenue"]), None),
        ("Different paths", formats.number(totals["paths"]), None),
    )

    st.subheader("The last three steps to a conversion", anchor=False)
    flows = queries.last_steps()
    sources = flows.melt("conversions", STEPS, value_name="source").query("source != ''")
    _, kept = greatest(sources, "source", "conversions")
    ways = [[step if step in kept else OTHER for step in row if step] for row in flows[STEPS].to_numpy()]
    show(
        sankey(ways, flows["conversions"].astype(float).tolist()),
        "Sankey: sources of the last three steps, and how many conversions follow",
    )

    st.subheader("Most frequent paths", anchor=False)
    st.dataframe(
        paths,
        hide_index=True,
        column_config={
            "path": st.column_config.TextColumn("Path", width=200),
            "conversions": st.column_config.NumberColumn("Conversions", format="localized"),
            "revenue": st.column_config.NumberColumn("Revenue", format="dollar"),
            "median_touches": st.column_config.NumberColumn("Touches, median", format="%.1f"),
            "median_days": st.column_config.NumberColumn("Days, median", format="%.1f"),
        },
    )
    st.caption("Equal neighbours are one step. Conversions without a touch are on the page Return on ad spend.")

    st.subheader("Where in the journey each source stands", anchor=False)
    positions = queries.touch_positions()
    positions["rank"] = positions["place"].map(PLACES.index)
    import altair as alt

    show(
        alt.Chart(positions)
        .mark_bar()
        .encode(
            y=alt.Y("source:N", title=None, sort="-x"),
            x=alt.X("touches:Q", title="Touches", stack="zero", axis=amount_axis(",.0f")),
            color=alt.Color(
                "place:N",
                title=None,
                scale=alt.Scale(domain=PLACES, range=colours_of(PLACES)),
                legend=alt.Legend(orient="top"),
            ),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("source:N", title="Source"),
                alt.Tooltip("place:N", title="Place"),
                alt.Tooltip("touches:Q", title="Touches", format=","),
            ],
        )
        .properties(height=alt.Step(28)),
        "Touches of each source by place in the journey",
    )

    download(lambda: queries.journeys(queries.DOWNLOAD_ROWS), "journeys")
