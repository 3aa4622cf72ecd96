"""Active customers who may leave."""

import streamlit as st

from dashboard import formats, queries
from dashboard.customer_list import (
    PAGE_SIZE,
    money_column,
    name_filter,
    order_choice,
    sentiment_column,
    show_customers,
)
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_found, page, pages

SORTS = {
    "value_at_risk": "Value at risk",
    "predicted_ltv": "Predicted value",
    "mrr": "MRR",
    "recent_sentiment": "Sentiment lately",
    "clv": "Lifetime value",
}

with page("Customers at risk", "Who is still here, worth a call, and has a reason to leave."):
    data_up_to(queries.data_up_to("PRED_TWITTER_COMMENTS.date", "ORDERS.order_date"))
    left, right = st.columns(2)
    with left:
        search = name_filter("risk")
    with right:
        sort, descending = order_choice(SORTS, "risk")
    totals = queries.at_risk_totals(search)
    if not totals["customers"]:
        nothing_found(
            "No customer at risk matches: another name or number finds more."
            if search
            else "No active customer has a reason to leave."
        )
        st.stop()
    figures(
        ("Customers", formats.number(totals["customers"]), None),
        (
            "Value at risk",
            formats.money(totals["value_at_risk"]),
            None,
            "Predicted spend plus MRR over the time predicted.",
        ),
        ("Less happy than before", formats.number(totals["falling"]), None),
    )
    offset = pages(int(totals["customers"]), PAGE_SIZE, "risk-page", (search, sort, descending))
    frame = queries.at_risk(search, sort, descending, PAGE_SIZE, offset)
    frame["name"] = [formats.name(*r) for r in frame[["first_name", "last_name", "customer_id"]].values]
    show_customers(
        frame,
        {
            "name": "Customer",
            "value_at_risk": money_column("Value at risk"),
            "reasons": st.column_config.TextColumn("Why", width=400),
            "recent_sentiment": sentiment_column("Sentiment lately"),
            "earlier_sentiment": sentiment_column("Before"),
            "mrr": money_column("MRR"),
            "mrr_trend": money_column("MRR, 3 months"),
            "predicted_ltv": money_column("Predicted"),
            "clv": money_column("Lifetime value"),
        },
        "risk-table",
        ("recent_sentiment", "earlier_sentiment"),
    )
    download(lambda: queries.at_risk(search, sort, descending, queries.DOWNLOAD_ROWS), "customers-at-risk")
