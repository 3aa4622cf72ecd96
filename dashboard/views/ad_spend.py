"""Return on ad spend per channel, under the attribution model chosen."""

import pandas as pd
import streamlit as st

from dashboard import formats, queries
from dashboard.channel_filter import MEANING, MODELS, choose_channels
from dashboard.charts import bars, show, stacked
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_yet, page


def with_ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """CPA and ROAS; empty where nothing was spent, or nothing came of it."""
    spend = frame["spend"].astype(float).where(lambda s: s > 0)
    conversions = frame["conversions"].astype(float)
    return frame.assign(
        channel=frame["utm_source"] + " · " + frame["utm_medium"],
        cpa=spend / conversions.where(conversions > 0),
        roas=frame["revenue"].astype(float).fillna(0.0).where(spend.notna()) / spend,
    )


with page("Return on ad spend", "What each channel costs, what it brings, and whether it pays."):
    data_up_to(queries.data_up_to("STG_AD_SPEND.date_day", "STG_CUSTOMER_CONVERSIONS.converted_at"))
    chosen = choose_channels()
    if chosen is None:
        nothing_yet("There is neither spend nor a conversion in the sources (ad_spend, customer_conversions).")
        st.stop()
    model, first, last = chosen
    channels = with_ratios(queries.channels(model, first, last))
    without = channels[channels["utm_source"] == "unattributed"]
    spend, revenue = channels["spend"].sum(), channels["revenue"].sum()
    paid = channels[channels["spend"] > 0]

    figures(
        ("Spend", formats.money(spend), None),
        ("Revenue of all conversions", formats.money(revenue), None),
        (
            "ROAS of paid channels",
            formats.ratio(paid["revenue"].sum() / spend if spend else None),
            None,
            "Revenue that the model gives to channels with spend, per dollar spent on them.",
        ),
        (
            "Unattributed revenue",
            formats.money(without["revenue"].sum()),
            f"{formats.percent(without['revenue'].sum() / revenue if revenue else None)} of all",
            "Conversions without any session in the 30 days before them.",
        ),
    )
    span = formats.month(first) if first == last else f"{formats.month(first)} – {formats.month(last)}"
    st.caption(f"{MODELS[model]}: {MEANING[model]}. {span}.")

    left, right = st.columns(2)
    with left:
        st.subheader("Return per channel", anchor=False)
        if len(paid):
            show(
                bars(
                    paid.sort_values("roas", ascending=False).head(15), "channel", "roas", "Revenue per dollar", ".2~f"
                ),
                "Return on ad spend of each paid channel",
            )
        else:
            st.info("Nothing was spent in these months.")
    by_month = with_ratios(queries.channels_by_month(model, first, last))
    with right:
        st.subheader("Revenue by month", anchor=False)
        show(
            stacked(by_month, "date_month", "revenue", "utm_source", "Revenue", height=280),
            "Revenue by month and source",
        )

    st.subheader("Channels", anchor=False)
    shown = ["utm_source", "utm_medium", "spend", "conversions", "revenue", "cpa", "roas"]
    labels = {"utm_source": "Source", "utm_medium": "Medium"}
    money = {
        "spend": st.column_config.NumberColumn("Spend", format="dollar"),
        "conversions": st.column_config.NumberColumn("Conversions", format="%.2f"),
        "revenue": st.column_config.NumberColumn("Revenue", format="dollar"),
        "cpa": st.column_config.NumberColumn("CPA", format="dollar", help="Dollars spent per conversion"),
        "roas": st.column_config.NumberColumn("ROAS", format="%.2f×", help="Dollars of revenue per dollar spent"),
    }
    st.dataframe(
        channels[shown],
        hide_index=True,
        column_config={**labels, **money},
        key="channels",
        height=min(38 + 35 * len(channels), 560),
        placeholder=formats.NOTHING,
        alt="Channels",
    )
    with st.expander("By month"):
        st.dataframe(
            by_month[["date_month", *shown]],
            hide_index=True,
            placeholder=formats.NOTHING,
            column_config={**labels, **money, "date_month": st.column_config.DateColumn("Month", format="MMM YYYY")},
        )
    download(lambda: by_month[["date_month", *shown]], f"ad-spend-{model}")
