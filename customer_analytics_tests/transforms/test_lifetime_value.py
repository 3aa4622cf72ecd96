"""The features of a day: equal to plain pandas, and blind to the day itself and everything after it."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from snowflake.snowpark import Session

from customer_analytics.defs.lifetime_value.training import as_pandas
from customer_analytics.tables import (
    CALL_TRANSCRIPTS,
    MRR,
    ORDERS,
    PRED_CUSTOMER_CALLS,
    PRED_TWITTER_COMMENTS,
    STG_SESSIONS,
)
from customer_analytics.transforms.lifetime_value import FEATURES, Sources, customer_features
from customer_analytics_tests.lifetime_value.history import features_from, synthetic_orders

CUT, HORIZON = dt.date(2024, 4, 1), 30
INPUTS = {
    ORDERS: "ORDER_ID NUMBER(38,0), CUSTOMER_ID NUMBER(38,0), ORDER_DATE DATE, STATUS VARCHAR, AMOUNT NUMBER(38,2)",
    MRR: "CUSTOMER_ID NUMBER(38,0), DATE_MONTH DATE, MRR NUMBER(28,9), IS_ACTIVE BOOLEAN",
    STG_SESSIONS: "SESSION_ID NUMBER(38,0), CUSTOMER_ID NUMBER(38,0), STARTED_AT TIMESTAMP_NTZ, UTM_SOURCE VARCHAR",
    PRED_TWITTER_COMMENTS: "CUSTOMER_ID NUMBER(38,0), DATE TIMESTAMP_NTZ, SENTIMENT FLOAT",
    PRED_CUSTOMER_CALLS: "CALL_ID VARCHAR, CUSTOMER_ID NUMBER(38,0), SENTIMENT FLOAT",
    CALL_TRANSCRIPTS: "CALL_ID VARCHAR, CUSTOMER_ID NUMBER(38,0), TRANSCRIBED_AT TIMESTAMP_NTZ",
}


@pytest.fixture
def inputs(session: Session) -> Session:
    for table, columns in INPUTS.items():
        session.sql(f"CREATE TABLE {table.name} ({columns})").collect()
    return session


def add(session: Session, table: str, *rows: tuple[object, ...]) -> None:
    marks = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
    session.sql(f"INSERT INTO {table} VALUES {marks}", params=[value for row in rows for value in row]).collect()


def features(session: Session, horizon: int | None = None) -> pd.DataFrame:
    return as_pandas(customer_features(Sources(*(session.table(t.name) for t in INPUTS)), CUT, horizon))


def _fill(session: Session) -> None:
    add(session, "ORDERS", (1, 1, "2024-01-05", "completed", 20), (2, 1, "2024-03-31", "returned", 10),
        (3, 2, "2023-11-01", "completed", None), (4, 1, "2024-03-31", "RETURN_PENDING", 5))  # fmt: skip
    add(session, "MRR", (1, "2024-02-01", 30, True), (1, "2024-03-01", 40, True), (2, "2024-02-01", 9, True))
    add(session, "STG_SESSIONS", (7, 1, "2024-01-02 10:00:00", "google"), (6, 1, "2024-01-02 10:00:00", "direct"),
        (5, 1, "2024-02-01 00:00:00", "bing"))  # fmt: skip
    add(session, "PRED_TWITTER_COMMENTS", (1, "2024-03-31 23:59:59", 0.25), (1, "2024-01-01 00:00:00", 0.75))
    add(session, "PRED_CUSTOMER_CALLS", ("a", 1, 0.2), ("b", 1, 0.6), ("c", 1, 0.9), ("d", 2, 0.9))
    add(session, "CALL_TRANSCRIPTS", ("a", 1, "2024-03-31 23:59:59"), ("b", 1, "2024-01-01 00:00:00"),
        ("c", 1, "2024-04-01 00:00:00"), ("d", 2, "2024-05-01 00:00:00"))  # fmt: skip


def _later(session: Session) -> None:
    """Rows on and after the cut, of every source, for old customers and new ones."""
    add(session, "ORDERS", (90, 1, "2024-04-01", "completed", 7), (91, 2, "2024-04-30", "completed", 11),
        (92, 2, "2024-05-01", "completed", 1000), (93, 3, "2024-04-02", "completed", 99))  # fmt: skip
    add(session, "MRR", (1, "2024-04-01", 400, True), (2, "2024-04-01", 900, True))
    add(session, "STG_SESSIONS", (90, 2, "2024-04-01 00:00:00", "facebook"))
    add(session, "PRED_TWITTER_COMMENTS", (1, "2024-04-01 00:00:00", 1.0), (2, "2024-06-01 00:00:00", 1.0))
    add(session, "PRED_CUSTOMER_CALLS", ("e", 1, 1.0))
    add(session, "CALL_TRANSCRIPTS", ("e", 1, "2024-04-01 00:00:00"))


def test_each_feature_is_what_its_name_says(inputs):
    _fill(inputs)
    one, two = (features(inputs).iloc[i].to_dict() for i in (0, 1))
    expected = {
        "customer_id": 1, "frequency": 1, "recency_days": 86, "tenure_days": 86, "monetary_value": 17.5,
        "total_amount": 35, "order_count": 3, "returned_orders": 2, "amount_last_90_days": 35,
        "orders_last_90_days": 3, "mean_gap_days": 86, "mrr": 40, "subscribed_months": 2, "comment_count": 2,
        "sentiment": 0.5, "call_count": 2, "call_sentiment": 0.4, "first_touch_channel": "direct",
    }  # fmt: skip
    assert one == expected
    assert set(expected) == {"customer_id", *FEATURES}
    assert (two["monetary_value"], two["mrr"], two["subscribed_months"]) == (0, 0, 1)
    assert pd.isna(two["sentiment"])
    assert pd.isna(two["call_sentiment"]), "transcribed after the cut"


def test_nothing_on_or_after_the_cut_reaches_a_feature(inputs):
    _fill(inputs)
    before = features(inputs)
    _later(inputs)
    pd.testing.assert_frame_equal(features(inputs), before)


def test_the_target_begins_at_the_cut_and_ends_before_the_horizon_does(inputs):
    _fill(inputs)
    _later(inputs)
    assert dict(features(inputs, HORIZON)[["customer_id", "target"]].to_numpy()) == {1: 7, 2: 11}
    assert dict(features(inputs, HORIZON + 1)[["customer_id", "target"]].to_numpy()) == {1: 7, 2: 1011}


def test_without_orders_there_is_no_row_and_without_anything_else_there_is(inputs):
    assert features(inputs, HORIZON).empty
    add(inputs, "ORDERS", (1, 1, "2024-01-05", None, None))
    assert len(features(inputs, HORIZON)) == 1


def test_it_agrees_with_plain_pandas(inputs):
    orders = synthetic_orders(80, 200, seed=1)
    rows = [(i, *row, "completed") for i, row in enumerate(orders.itertuples(index=False))]
    add(inputs, "ORDERS", *((i, int(c), d.isoformat(), s, float(a)) for i, c, d, a, s in rows))
    ours, plain = features(inputs, HORIZON), features_from(orders)(CUT, HORIZON)
    numbers = [c for c in plain.columns if c != "first_touch_channel"]
    pd.testing.assert_frame_equal(ours[numbers].astype(float), plain[numbers].astype(float), check_like=True)
