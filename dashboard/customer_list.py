"""A list of customers: a name to search for, a column to sort by, pages, and a row that opens its customer."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import formats
from dashboard.charts import sentiment_colour
from dashboard.frame import open_customer

PAGE_SIZE = 50


def name_filter(key: str) -> str:
    """The text to search customers by."""
    return st.text_input(
        "Name or number",
        key=f"{key}-name",
        placeholder="Search customers",
        icon=":material/search:",
        persist_state="session",
    )


def order_choice(columns: dict[str, str], key: str) -> tuple[str, bool]:
    """The column to sort by, and whether greatest first."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    column = left.selectbox(
        "Sort by", list(columns), format_func=columns.__getitem__, key=f"{key}-sort", persist_state="session"
    )
    return column, right.toggle("Greatest first", True, key=f"{key}-descending", persist_state="session")


def show_customers(frame: pd.DataFrame, config: dict[str, Any], key: str, sentiment: tuple[str, ...] = ()) -> None:
    """The table, shaded by sentiment; a click on a row opens the customer."""
    selected = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    if selected and selected[0] < len(frame):
        # Before the table is drawn once more, for nobody.
        open_customer(int(frame.iloc[selected[0]]["customer_id"]))
    st.caption(":material/ads_click: Select a row to open the customer.")
    columns = [c for c in config if c in frame.columns]
    shown = frame[columns].reset_index(drop=True)
    for column in shown.columns:
        if column.endswith(("month", "order")) and not column.startswith("number"):
            shown[column] = pd.to_datetime(shown[column])
    for column in sentiment:
        shown[column] = shown[column].astype(float)
    styled = shown.style
    for column in sentiment:
        styled = styled.map(sentiment_colour, subset=[column]).format(formats.percent, subset=[column])
    st.dataframe(
        styled,
        hide_index=True,
        column_config=config,
        on_select="rerun",
        selection_mode="single-row",
        placeholder=formats.NOTHING,
        key=key,
        height=min(38 + 35 * max(1, len(shown)), 640),
    )


def sentiment_column(label: str = "Sentiment") -> Any:
    return st.column_config.NumberColumn(label, help="Probability of positive, mean; – without any")


def money_column(label: str, help_: str | None = None) -> Any:
    return st.column_config.NumberColumn(label, format="dollar", help=help_)


def month_column(label: str) -> Any:
    return st.column_config.DateColumn(label, format="MMM YYYY")


def day_column(label: str) -> Any:
    return st.column_config.DateColumn(label, format="D MMM YYYY")
