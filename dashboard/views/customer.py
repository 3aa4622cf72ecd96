"""One customer: profile, orders, subscription, touches, comments and calls with their recordings."""

import pandas as pd
import streamlit as st

from dashboard import formats, queries
from dashboard.charts import line, show, stacked
from dashboard.customer_list import day_column, money_column, month_column
from dashboard.downloads import download
from dashboard.frame import data_up_to, figures, nothing_found, nothing_yet, open_customer, page
from dashboard.passages import card
from dashboard.safe_text import literal

COMMENTS = 20  # so many are shown at first, and with each click on "more"


def ask_for_customer(given: str) -> None:
    """A search box, and the customers that it finds."""
    search = st.text_input("Name or number", placeholder="Search customers", icon=":material/search:", key="find")
    if given:
        st.warning("There is no such customer.", icon=":material/person_off:")
        st.text(f"Asked for: {given[:80]}")  # from the address: anybody's text, shown literally
    found = queries.find_customers(search)
    if not len(found) and search:
        nothing_found("No customer matches: another name or number finds more.")
    elif not len(found):
        nothing_yet("There is no customer in the sources (customers).")
    with st.container(horizontal=True):
        for row in found.itertuples():
            label = formats.name(row.first_name, row.last_name, row.customer_id)
            if st.button(literal(f"{label} · {row.customer_id}"), key=f"open-{row.customer_id}", width=230):
                open_customer(int(str(row.customer_id)))


def show_profile(customer: pd.Series, sentiment: pd.DataFrame, ltv: pd.DataFrame, mrr: pd.DataFrame) -> None:
    """The customer's figures."""
    prediction = ltv.iloc[0] if len(ltv) else None
    feeling = sentiment.iloc[0] if len(sentiment) else None
    latest = mrr.iloc[0] if len(mrr) else None
    subscribed = "never subscribed"
    if latest is not None:
        subscribed = "active" if latest["is_active"] else f"until {formats.month(latest['last_active_month'])}"
    figures(
        (
            "Paid to date",
            formats.money(customer["customer_lifetime_value"]),
            formats.counted(customer["number_of_orders"], "order")
            if pd.notna(customer["number_of_orders"])
            else "no orders",
        ),
        (
            f"Predicted, {prediction['horizon_days']} days" if prediction is not None else "Predicted",
            formats.money(prediction["predicted_ltv"]) if prediction is not None else formats.NOTHING,
            f"{formats.money(prediction['p10'])} to {formats.money(prediction['p90'])}"
            if prediction is not None
            else "no orders to predict from",
        ),
        ("MRR", formats.money(latest["mrr"]) if latest is not None else formats.NOTHING, subscribed),
        (
            "Sentiment",
            formats.percent(feeling["sentiment_score"]) if feeling is not None else formats.NOTHING,
            f"comments {formats.percent(feeling['comments_sentiment'])}, "
            f"calls {formats.percent(feeling['calls_sentiment'])}"
            if feeling is not None
            else "no comment or call",
        ),
    )


def show_calls(calls: pd.DataFrame, links: dict[str, str]) -> None:
    """Each call with player and transcript."""
    for _, call in calls.iterrows():
        with st.container(border=True):
            st.html(
                card(
                    {
                        "kind": "call",
                        "customer_id": call["customer_id"],
                        "text": call["transcript"] or "(nothing was understood)",
                        "sentiment": call["sentiment"],
                    },
                    link=False,
                    score=f"{call['call_id']} · {formats.duration(call['duration_seconds'])}",
                )
            )
            suffix = str(call["relative_path"]).rsplit(".", 1)[-1].lower()
            formats_ = {"mp3": "audio/mpeg", "m4a": "audio/mp4", "ogg": "audio/ogg", "flac": "audio/flac"}
            if link := links.get(call["relative_path"]):
                st.audio(link, format=formats_.get(suffix, "audio/wav"))


def show_orders(orders: pd.DataFrame, file_name: str) -> None:
    """Orders by month and status, and each of them."""
    st.subheader("Orders", anchor=False)
    if not len(orders):
        st.caption("No orders.")
        return
    dated = orders.assign(amount=orders["amount"].astype(float), status=orders["status"].fillna("unknown"))
    show(stacked(dated, "order_date", "amount", "status", "Dollars", height=220), "Orders by month and status")
    st.dataframe(
        orders[["order_date", "status", "amount"]],
        hide_index=True,
        placeholder=formats.NOTHING,
        column_config={"order_date": day_column("Day"), "status": "Status", "amount": money_column("Dollars")},
        height=min(38 + 35 * len(orders), 280),
    )
    download(lambda: orders.drop(columns="customer_id"), file_name)


def show_subscription(mrr: pd.DataFrame, file_name: str) -> None:
    """MRR over the months, and what changed it."""
    st.subheader("Subscription", anchor=False)
    if not len(mrr):
        st.caption("Never subscribed.")
        return
    monthly = mrr.assign(mrr=mrr["mrr"].astype(float))
    chart = line(monthly, "date_month", "mrr", "MRR, dollars", height=220, interpolate="step-after")
    show(chart, "MRR by month")
    changes = mrr[mrr["change_category"].notna()]
    st.dataframe(
        changes[["date_month", "change_category", "mrr_change", "mrr"]],
        hide_index=True,
        column_config={
            "date_month": month_column("Month"),
            "change_category": "Change",
            "mrr_change": money_column("By"),
            "mrr": money_column("To"),
        },
        height=min(38 + 35 * max(1, len(changes)), 280),
    )
    download(lambda: mrr.drop(columns=["id", "customer_id"]), file_name)


def show_touches(touches: pd.DataFrame, file_name: str) -> None:
    """The sessions that led to conversions."""
    st.subheader("Touches before conversions", anchor=False)
    if not len(touches):
        st.caption("No session led to a conversion.")
        return
    config = {
        "started_at": st.column_config.DatetimeColumn("Session", format="D MMM YYYY, HH:mm"),
        "utm_source": "Source",
        "utm_medium": "Medium",
        "utm_campaign": "Campaign",
        "converted_at": st.column_config.DatetimeColumn("Conversion", format="D MMM YYYY, HH:mm"),
        "revenue": money_column("Revenue"),
        "linear_points": st.column_config.NumberColumn("Share, linear", format="percent"),
    }
    st.dataframe(touches[list(config)], hide_index=True, placeholder=formats.NOTHING, column_config=config)
    download(lambda: touches.drop(columns="customer_id"), file_name)


def show_comments(customer_id: int, comments: pd.DataFrame, wrote: int) -> None:
    """The customer's comments, the unhappiest first unless told."""
    if not wrote:
        st.caption("No comments.")
        return
    happiest = st.toggle("Happiest first", False, key="happiest")
    shown = len(comments)
    rows = comments.rename(columns={"review_text": "text"}).to_dict("records")
    st.html("".join(card({**row, "kind": "comment"}, link=False) for row in rows))
    if wrote > shown:
        st.button(
            f"Show {COMMENTS} more of {formats.number(wrote)}",
            icon=":material/expand_more:",
            on_click=lambda: st.session_state.update({f"comments-{customer_id}": shown + COMMENTS}),
        )

    def all_of_them() -> pd.DataFrame:
        every = queries.comments_of_customer(customer_id, queries.DOWNLOAD_ROWS, happiest)
        return every[["date", "review_text", "sentiment"]]

    download(all_of_them, f"comments-{customer_id}")


def show_customer(customer_id: int, customer: pd.Series) -> None:
    """The whole page of one customer."""
    comments = st.session_state.get(f"comments-{customer_id}", COMMENTS)
    happiest = st.session_state.get("happiest", False)
    day, known = queries.at_once(
        lambda: queries.data_up_to("ORDERS.order_date", "PRED_TWITTER_COMMENTS.date"),
        lambda: queries.records_of_customer(customer_id, comments, happiest),
    )
    data_up_to(day)
    if pd.isna(customer["customer_id"]):
        st.caption("Not among the customers in the sources; this is what the other sources know.")
    show_profile(customer, known.sentiment, known.prediction, known.mrr)
    happened, said, called = st.tabs(
        [
            "Orders and subscription",
            f"Comments ({formats.number(known.comment_count)})",
            f"Calls ({len(known.calls)})",
        ]
    )
    with happened:
        left, right = st.columns(2)
        with left:
            show_orders(known.orders, f"orders-{customer_id}")
        with right:
            show_subscription(known.mrr, f"mrr-{customer_id}")
        show_touches(known.touches, f"touches-{customer_id}")
    with said:
        show_comments(customer_id, known.comments, known.comment_count)
    with called:
        if len(known.calls):
            show_calls(known.calls, known.call_links)
        else:
            st.caption("No recorded calls.")


given = str(st.query_params.get("customer_id", "")).strip()
with page("Customer", "One customer, from every side."):
    number = int(given) if given.removeprefix("-").isdecimal() and len(given) < 19 else None
    customer = queries.customer(number) if number is not None else None
    if number is None or customer is None:
        ask_for_customer(given)
        st.stop()
    top, back = st.columns([4, 1], vertical_alignment="center")
    shown = formats.name(customer["first_name"], customer["last_name"], number)
    # The name is data: shown by a widget that takes it literally, not as Markdown.
    top.container(key="who").text(f"{shown} · customer {number}")
    if back.button("Another customer", icon=":material/search:", width="stretch"):
        del st.query_params["customer_id"]
        st.rerun()
    show_customer(number, customer)
