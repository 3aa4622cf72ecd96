"""What is known of one customer. Part of the queries: `queries.py` hands it to the pages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from customer_analytics import tables as T
from dashboard.connection import NothingBuilt, at_once, backends, read, run, table_versions

if TYPE_CHECKING:
    import pandas as pd

CALL_STAGE = "CALL_STAGE"
LINK_SECONDS = 3600
_MOST_ROWS, _MOST_CALLS = 500, 50
_TRACES = (T.ORDERS, T.MRR, T.ATTRIBUTION_TOUCHES, T.PRED_TWITTER_COMMENTS, T.CALL_TRANSCRIPTS)


@dataclass(frozen=True)
class Records:
    """What the customer's page shows: rows of each table, newest first; empty where the table is not there yet."""

    orders: pd.DataFrame
    mrr: pd.DataFrame
    touches: pd.DataFrame
    sentiment: pd.DataFrame
    prediction: pd.DataFrame
    calls: pd.DataFrame
    """With `sentiment`, NULL where it was not scored yet; the unhappiest first."""
    call_links: dict[str, str]
    """For each recording, by relative_path, a presigned URL, valid for half an hour; the browser can seek in it."""
    comments: pd.DataFrame
    """The first of them by sentiment."""
    comment_count: int


def customer(customer_id: int) -> pd.Series | None:
    """One row of CUSTOMERS; None when nothing is known. Names are pseudonyms when the setting says so.

    Someone who is not in CUSTOMERS but ordered, subscribed, visited, wrote or called has a row of NULLs.
    """
    t = T.CUSTOMERS
    frame = read(f"select * from {t.name} where customer_id = %s", (int(customer_id),), (t.name,))
    if len(frame):
        row = frame.iloc[0].copy()
    elif any(at_once(*(partial(_count, other, customer_id) for other in _TRACES))):
        import pandas as pd

        row = pd.Series(dict.fromkeys(t.column_names), dtype=object)
    else:
        return None
    if backends().settings.pseudonymise_customers:
        row["first_name"], row["last_name"] = "Customer", str(int(customer_id))
    return row


def records_of_customer(customer_id: int, comments: int, happiest_first: bool) -> Records:
    """All that is known of the customer, read side by side; of the comments the first `comments`."""

    def rows(table: T.Table, order: str, limit: int = _MOST_ROWS) -> partial[pd.DataFrame]:
        return partial(_rows, table, customer_id, order, limit)

    return Records(
        *at_once(
            rows(T.ORDERS, "order_date"),
            rows(T.MRR, "date_month"),
            rows(T.ATTRIBUTION_TOUCHES, "started_at"),
            rows(T.PRES_SENTIMENT, "customer_id"),
            rows(T.PRED_CUSTOMER_LTV, "customer_id"),
            partial(_calls, customer_id),
            partial(_call_links, int(customer_id), *_links_depend_on()),
            partial(comments_of_customer, customer_id, comments, happiest_first),
            partial(_count, T.PRED_TWITTER_COMMENTS, customer_id),
        )
    )


def comments_of_customer(customer_id: int, limit: int, happiest_first: bool) -> pd.DataFrame:
    """The customer's rows of PRED_TWITTER_COMMENTS by sentiment; empty when it is not there yet."""
    return _rows(T.PRED_TWITTER_COMMENTS, customer_id, "sentiment", limit, happiest_first)


def _links_depend_on() -> tuple[str | None, int]:
    """The calls that there are, and the connection: a local Snowflake that was started again has another address."""
    return table_versions().get(T.CALL_TRANSCRIPTS.name), backends().connections_made


@st.cache_data(ttl=LINK_SECONDS / 2, max_entries=1000, show_spinner=False)
def _call_links(customer_id: int, calls_version: str | None, connections_made: int) -> dict[str, str]:
    del connections_made  # only part of the key
    if calls_version is None:
        return {}
    sql = (
        f"select relative_path, get_presigned_url(@{CALL_STAGE}, relative_path, {LINK_SECONDS}) as link "
        f"from {T.CALL_TRANSCRIPTS.name} where customer_id = %s limit 1000"
    )
    try:
        frame = run(sql, (customer_id,))
    except NothingBuilt:
        return {}
    return dict(zip(frame["relative_path"], frame["link"], strict=True))


def _calls(customer_id: int) -> pd.DataFrame:
    calls, scored = T.CALL_TRANSCRIPTS, T.PRED_CUSTOMER_CALLS
    there = scored.name in table_versions()
    score = "s.sentiment" if there else "null::float as sentiment"
    scores = f"left join {scored.name} as s on s.call_id = c.call_id" if there else ""
    sql = (
        f"select c.*, {score} from {calls.name} as c {scores} where c.customer_id = %s "
        f"order by sentiment nulls last, c.call_id limit {_MOST_CALLS}"
    )
    try:
        return read(sql, (int(customer_id),), (calls.name, *([scored.name] if there else [])))
    except NothingBuilt:
        import pandas as pd

        return pd.DataFrame(columns=[*calls.column_names, "sentiment"])


def _rows(
    table: T.Table, customer_id: int, order: str, limit: int = _MOST_ROWS, descending: bool = True
) -> pd.DataFrame:
    by = table.column(order).name
    sql = (
        f"select * from {table.name} where customer_id = %s order by {by} {'desc' if descending else 'asc'} "
        f"limit {int(limit)}"
    )
    try:
        return read(sql, (int(customer_id),), (table.name,))
    except NothingBuilt:
        import pandas as pd

        return pd.DataFrame(columns=list(table.column_names))


def _count(table: T.Table, customer_id: int) -> int:
    sql = f"select count(*) as total from {table.name} where customer_id = %s"
    try:
        return int(read(sql, (int(customer_id),), (table.name,))["total"].iloc[0])
    except NothingBuilt:
        return 0
