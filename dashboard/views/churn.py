"""Customers whose subscription ended."""

import datetime as dt

import streamlit as st

from dashboard import formats, queries
from dashboard.customer_list import (
    PAGE_SIZE,
    money_column,
    month_column,
    name_filter,
    order_choice,
    sentiment_column,
    show_customers,
)
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_found, page, pages

SORTS = {
    "last_active_month": "Last active month",
    "mrr_lost": "MRR lost",
    "clv": "Lifetime value",
    "sentiment_score": "Sentiment",
}
BACK = {"all": None, "still gone": False, "came back": True}

with page("Churned customers", "Who left, what left with them, and who came back."):
    data_up_to(formats.last_day(queries.last_month_with_revenue()), "whole months")
    left, right = st.columns(2)
    with left:
        search = name_filter("churn")
        shown = st.segmented_control(
            "Show", list(BACK), default="all", required=True, key="churn-back", persist_state="session"
        )
        back = BACK[shown or "all"]
    with right:
        sort, descending = order_choice(SORTS, "churn")
        with st.popover("More filters", icon=":material/tune:"):
            least = st.number_input(
                "MRR lost at least, dollars", 0.0, step=10.0, key="churn-least", persist_state="session"
            )
            since: dt.date | None = st.date_input("Last active since", None, key="churn-since", persist_state="session")
    totals = queries.churn_totals(search, back, least, since)
    if not totals["customers"]:
        filtered = search or back is not None or least or since
        nothing_found("No churned customer matches: fewer filters find more." if filtered else "Nobody has churned.")
        st.stop()
    figures(
        ("Customers", formats.number(totals["customers"]), None),
        ("MRR lost", formats.money(totals["mrr_lost"]), None),
        ("Came back since", formats.number(totals["came_back"]), None),
        ("Their lifetime value", formats.money(totals["clv"]), None),
    )
    offset = pages(int(totals["customers"]), PAGE_SIZE, "churn-page", (search, back, least, since, sort, descending))
    frame = queries.churned(search, back, least, since, sort, descending, PAGE_SIZE, offset)
    frame["name"] = [formats.name(*r) for r in frame[["first_name", "last_name", "customer_id"]].values]
    show_customers(
        frame,
        {
            "name": "Customer",
            "last_active_month": month_column("Last active"),
            "mrr_lost": money_column("MRR lost", "Dollars a month"),
            "clv": money_column("Lifetime value", "Dollars paid in the shop to date"),
            "sentiment_score": sentiment_column(),
            "reactivated": st.column_config.CheckboxColumn("Came back"),
        },
        "churn-table",
        ("sentiment_score",),
    )
    download(
        lambda: queries.churned(search, back, least, since, sort, descending, queries.DOWNLOAD_ROWS),
        "churned-customers",
    )
