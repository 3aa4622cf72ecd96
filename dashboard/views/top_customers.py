"""Customers by lifetime value, with what they are predicted to spend."""

import streamlit as st

from dashboard import formats, queries
from dashboard.customer_list import (
    PAGE_SIZE,
    day_column,
    money_column,
    name_filter,
    order_choice,
    sentiment_column,
    show_customers,
)
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_found, nothing_yet, page, pages

SORTS = {
    "clv": "Lifetime value",
    "predicted_ltv": "Predicted value",
    "sentiment_score": "Sentiment",
    "number_of_orders": "Orders",
    "most_recent_order": "Latest order",
}

with page("Top customers", "Who is worth most, now and in the time to come."):
    horizon = queries.ltv_horizon()
    note = (
        f"predictions: {horizon['horizon_days']} days from {formats.day(horizon['reference_date'])}, "
        f"model {horizon['model_version']}"
        if horizon is not None
        else "no predictions yet"
    )
    data_up_to(queries.data_up_to("ORDERS.order_date"), note)
    if reason := queries.ltv_reason():
        st.caption(f":material/info: How they are predicted: {reason}")
    left, right = st.columns(2)
    with left:
        search = name_filter("top")
    with right:
        sort, descending = order_choice(SORTS, "top")
    totals = queries.clv_totals(search)
    if not totals["customers"]:
        if search:
            nothing_found("No customer with a payment matches: another name or number finds more.")
        else:
            nothing_yet("No customer of the sources (customers, orders, payments) has paid.")
        st.stop()
    figures(
        ("Customers with a value", formats.number(totals["customers"]), None),
        ("Paid to date", formats.money(totals["clv"]), None),
        ("Predicted", formats.money(totals["predicted_ltv"]), None),
        ("Mean sentiment", formats.percent(totals["sentiment"]), None),
    )
    offset = pages(int(totals["customers"]), PAGE_SIZE, "top-page", (search, sort, descending))
    frame = queries.top_customers(search, sort, descending, PAGE_SIZE, offset)
    frame["name"] = [formats.name(*r) for r in frame[["first_name", "last_name", "customer_id"]].values]
    show_customers(
        frame,
        {
            "name": "Customer",
            "clv": money_column("Lifetime value", "Dollars paid to date"),
            "predicted_ltv": money_column("Predicted", "Dollars expected in the time predicted"),
            "p10": money_column("Low", "10 % of such customers spend less"),
            "p90": money_column("High", "10 % of such customers spend more"),
            "sentiment_score": sentiment_column(),
            "number_of_orders": st.column_config.NumberColumn("Orders", format="localized"),
            "most_recent_order": day_column("Latest order"),
            "first_order": day_column("First order"),
        },
        "top-table",
        ("sentiment_score",),
    )
    download(lambda: queries.top_customers(search, sort, descending, queries.DOWNLOAD_ROWS), "top-customers")
