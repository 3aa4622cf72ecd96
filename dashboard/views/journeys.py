"""Which touches precede conversions."""

# pandas, Snowpark rows and scikit-learn carry no usable types here.
# pyright: reportGeneralTypeIssues=false

import streamlit as st

from dashboard import formats, queries
from dashboard.charts import bars, show
from dashboard.downloads import download
from dashboard.frame import data_up_to, nothing_yet, page

PLACES = ["only", "first", "middle", "last"]

with page("Journeys", "Which ways people come before they convert."):
    data_up_to(queries.data_up_to("ATTRIBUTION_TOUCHES.converted_at"))
    totals = queries.journey_totals()
    if not totals["paths"]:
        nothing_yet("No session precedes a conversion in the sources (sessions, customer_conversions).")
        st.stop()
    paths = queries.journeys(25)
    paths["median_days"] = paths["median_days"].astype(float)
    columns = st.columns(3)
    columns[0].metric("Conversions with a touch", formats.number(totals["conversions"]), border=True)
    columns[1].metric("Revenue of them", formats.money(totals["revenue"]), border=True)
    columns[2].metric("Different paths", formats.number(totals["paths"]), border=True)

    st.subheader("Paths to a conversion", anchor=False)
    show(bars(paths.head(12), "path", "conversions", "Conversions", ",.0f"), "Conversions per path")

    st.subheader("Where in the journey each source stands", anchor=False)
    positions = queries.touch_positions()
    import altair as alt

    show(
        alt.Chart(positions)
        .mark_bar()
        .encode(
            y=alt.Y("source:N", title=None, sort="-x"),
            x=alt.X("touches:Q", title="Touches", stack="zero"),
            color=alt.Color("place:N", title=None, sort=PLACES, legend=alt.Legend(orient="top")),
            order=alt.Order("place:N"),
            tooltip=["source:N", alt.Tooltip("place:N", title="Place"), "touches:Q"],
        )
        .properties(height=alt.Step(28)),
        "Touches of each source by place in the journey",
    )

    st.subheader("All figures", anchor=False)
    st.dataframe(
        paths,
        hide_index=True,
        column_config={
            "path": st.column_config.TextColumn("Path", width="large"),
            "conversions": st.column_config.NumberColumn("Conversions", format="localized"),
            "revenue": st.column_config.NumberColumn("Revenue", format="$%.2f"),
            "median_touches": st.column_config.NumberColumn("Touches, median", format="%.1f"),
            "median_days": st.column_config.NumberColumn("Days, median", format="%.1f"),
        },
    )
    st.caption("Equal neighbours are one step. Conversions without a touch are on the page Return on ad spend.")
    download(lambda: queries.journeys(queries.DOWNLOAD_ROWS), "journeys")
