"""Search in everything that customers wrote and said."""

import time
from typing import Any

import streamlit as st

from dashboard import formats, queries
from dashboard.downloads import download
from dashboard.frame import data_up_to, page
from dashboard.passages import card
from dashboard.safe_text import words_of

MODES = {"hybrid": "Both", "vector": "Meaning", "keyword": "Words"}
KINDS = {"comment": "Comments", "call": "Calls"}
STEP, MOST = 20, 200


def show_more() -> None:
    st.session_state["shown"] += STEP


with page("Search", "What customers wrote and said, by meaning, by words, or both.", loading=None):
    data_up_to(queries.data_up_to("PRED_TWITTER_COMMENTS.date"))
    query = st.text_input(
        "Search",
        key="q",
        bind="query-params",
        placeholder="broke after a week",
        icon=":material/search:",
        max_chars=400,
    )
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    keep: dict[str, Any] = {"persist_state": "session"}
    mode = left.segmented_control(
        "By", list(MODES), format_func=MODES.__getitem__, default="hybrid", required=True, key="mode", **keep
    )
    with right.popover("Filters", icon=":material/tune:", width="stretch"):
        kinds = st.pills(
            "Kind",
            list(KINDS),
            selection_mode="multi",
            default=list(KINDS),
            format_func=KINDS.__getitem__,
            key="kinds",
            **keep,
        )
        low, high = st.slider("Sentiment", 0.0, 1.0, (0.0, 1.0), 0.05, format="percent", key="sentiment", **keep)
        since = st.date_input("From", None, key="since", format="YYYY-MM-DD", **keep)
        until = st.date_input(
            "To", None, key="until", format="YYYY-MM-DD", help="Calls have no date: they are left out.", **keep
        )
        customer_id = st.number_input("Customer", min_value=0, value=None, step=1, key="customer", **keep)
    if not query.strip():
        st.info("Type what you look for, such as **broke after a week**.", icon=":material/search:")
        st.stop()
    conditions = queries.Conditions(
        tuple(kinds) or tuple(KINDS), int(customer_id) if customer_id is not None else None, since, until, low, high
    )
    asked = (query.strip(), mode or "hybrid", conditions)
    if st.session_state.get("asked") != asked:
        st.session_state["asked"], st.session_state["shown"] = asked, STEP
    shown = st.session_state["shown"]
    start = time.monotonic()
    with st.spinner("Searching …"):
        found = queries.search(*asked, shown + 1)
    more, found = len(found) > shown, found.head(shown)
    what = f"The {formats.counted(len(found), 'best passage')}" if more else formats.counted(len(found), "passage")
    st.caption(f"{what}, in {(time.monotonic() - start) * 1000:,.0f} ms")
    if not len(found):
        st.info("Nothing was found. Fewer filters, or a search by meaning, find more.", icon=":material/search_off:")
        st.stop()
    names = {"hybrid": "rank score", "vector": "similarity", "keyword": "BM25"}
    digits = 3 if mode == "hybrid" else 2
    st.html(
        "".join(
            card(row, words_of(query), f"{names[mode or 'hybrid']} {row['score']:.{digits}f}")
            for _, row in found.iterrows()
        )
    )
    with st.container(horizontal=True):
        if more and shown < MOST:
            st.button(f"Show {STEP} more", icon=":material/expand_more:", on_click=show_more)
        download(lambda: queries.search(*asked, MOST), "search")
