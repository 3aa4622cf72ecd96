"""Revenue by medium and source, as a chart and as a pivot."""

import pandas as pd
import streamlit as st

from dashboard import formats, queries
from dashboard.channel_filter import choose_channels
from dashboard.charts import show, stacked
from dashboard.downloads import download
from dashboard.frame import data_up_to, nothing_yet, page

with page("Revenue by channel", "Where the revenue of conversions comes from, by medium and source."):
    data_up_to(queries.data_up_to("STG_CUSTOMER_CONVERSIONS.converted_at"))
    chosen = choose_channels()
    if chosen is None:
        nothing_yet("There is neither spend nor a conversion in the sources (ad_spend, customer_conversions).")
        st.stop()
    frame = queries.channels_by_month(*chosen)
    frame["revenue"] = frame["revenue"].astype(float).fillna(0.0)
    by = st.segmented_control(
        "Split by",
        ["utm_medium", "utm_source"],
        format_func={"utm_medium": "Medium", "utm_source": "Source"}.__getitem__,
        default="utm_medium",
        required=True,
        key="split",
        persist_state="session",
    )
    show(stacked(frame, "date_month", "revenue", by or "utm_medium", "Revenue", height=320), "Revenue by month")

    st.subheader("Pivot", anchor=False)
    pivot = frame.pivot_table(
        index=["utm_medium", "utm_source"], columns="date_month", values="revenue", aggfunc="sum", fill_value=0.0
    ).rename(columns=formats.month)
    pivot["Total"] = pivot.sum(axis=1)
    pivot = pivot.sort_values("Total", ascending=False).reset_index()
    total = pivot.drop(columns=["utm_medium", "utm_source"]).sum()
    pivot = pd.concat([pivot, pd.DataFrame([{"utm_medium": "All", "utm_source": "", **total}])], ignore_index=True)
    dollars = [c for c in pivot.columns if c not in ("utm_medium", "utm_source")]
    st.dataframe(
        pivot,
        hide_index=True,
        column_config={
            "utm_medium": "Medium",
            "utm_source": "Source",
            **{c: st.column_config.NumberColumn(c, format="dollar") for c in dollars},
        },
        alt="Revenue by medium, source and month",
    )
    st.caption("Unattributed: conversions without any session in the 30 days before them. The rows sum to all revenue.")
    download(lambda: pivot, f"revenue-{chosen[0]}")
