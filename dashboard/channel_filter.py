"""The choice that the advertising pages share: the attribution model and the months."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from dashboard import formats, queries

MODELS = {
    "linear": "Linear",
    "first_touch": "First touch",
    "last_touch": "Last touch",
    "forty_twenty_forty": "40 / 20 / 40",
}
MEANING = {
    "linear": "every touch counts the same",
    "first_touch": "all to the first touch",
    "last_touch": "all to the last touch",
    "forty_twenty_forty": "40 % to the first, 40 % to the last, 20 % to those between",
}


def choose_channels() -> tuple[str, dt.date, dt.date] | None:
    """The model and the first and last month chosen; None without any month."""
    months = queries.ad_months()
    if not months:
        return None
    left, right = st.columns([3, 2])
    model = left.segmented_control(
        "Attribution model",
        list(MODELS),
        format_func=MODELS.__getitem__,
        default="linear",
        required=True,
        key="model",
        persist_state="session",
        help="How a conversion is shared between the sessions of the 30 days before it.",
    )
    oldest_first = months[::-1]
    if len(months) == 1:
        right.text_input("Months", formats.month(months[0]), disabled=True)
        first = last = months[0]
    else:
        first, last = right.select_slider(
            "Months",
            oldest_first,
            (oldest_first[0], oldest_first[-1]),
            format_func=formats.month,
            key="months",
            persist_state="session",
        )
    return model or "linear", first, last
