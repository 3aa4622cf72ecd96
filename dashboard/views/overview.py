"""The morning's first look: one line of figures for each team, and where to go on."""

import streamlit as st

from dashboard import formats, queries
from dashboard.charts import line, movement_bars, show
from dashboard.frame import built, data_up_to, page, view

with page("GroundTruth", "Who the customers are, what they are worth, how they feel, and which advertising pays."):
    data_up_to(
        queries.data_up_to("ORDERS.order_date", "STG_CUSTOMER_CONVERSIONS.converted_at", "PRED_TWITTER_COMMENTS.date")
    )

    months = queries.mrr_months()
    # The latest month with revenue.
    running = months[months["mrr"] > 0]
    now = running.iloc[-1] if len(running) else None
    before = running.iloc[-2] if len(running) > 1 else None
    columns = st.columns(4)
    columns[0].metric(
        f"MRR, {formats.month(now['date_month'])}" if now is not None else "MRR",
        formats.money(now["mrr"]) if now is not None else formats.NOTHING,
        formats.money(now["mrr"] - before["mrr"]) if now is not None and before is not None else None,
        border=True,
        height="stretch",
    )
    columns[1].metric(
        "Paying subscribers",
        formats.number(now["customers"]) if now is not None else formats.NOTHING,
        f"{now['customers'] - before['customers']:+,.0f}" if now is not None and before is not None else None,
        border=True,
        height="stretch",
    )
    with columns[2], built():
        risk = queries.at_risk_totals()
        st.metric(
            "Value at risk",
            formats.money(risk["value_at_risk"]),
            formats.counted(risk["customers"], "customer"),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    with columns[3], built():
        values = queries.clv_totals()
        st.metric(
            "Mean sentiment of buyers",
            formats.percent(values["sentiment"]),
            formats.counted(values["customers"], "customer"),
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    if len(running):
        left, right = st.columns(2)
        with left:
            st.subheader("MRR", anchor=False)
            show(line(running, "date_month", "mrr", "MRR, dollars"), "Monthly recurring revenue over time")
        with right:
            st.subheader("What moved it", anchor=False)
            show(movement_bars(queries.mrr_movements(), 240), "Changes of MRR by category and month")

    st.subheader("Where to go on", anchor=False)
    for column, (name, label, icon) in zip(
        st.columns(4),
        [
            ("ad_spend", "Which advertising pays", ":material/ads_click:"),
            ("at_risk", "Who may leave", ":material/warning:"),
            ("themes", "What people talk about", ":material/forum:"),
            ("ask", "Ask what customers said", ":material/chat:"),
        ],
        strict=True,
    ):
        with column.container(border=True):
            st.page_link(view(name), label=label, icon=icon)
