"""Ids and hashes: pinned, because every stored object follows from them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_analytics.resources.vector_store import VectorStoreError, content_hash, object_id, object_ids
from customer_analytics.resources.vector_store.rows import property_rows
from customer_analytics.tables import COMMENT_TRAINING, CUSTOMER_COMMENT, Collection

WHEN = dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
PINNED = "c6e39dbd-e54a-5366-8cfa-a1760b120a13"


@pytest.mark.parametrize("customer", [66, 66.0, Decimal(66), np.int64(66)])
@pytest.mark.parametrize(
    "when", [WHEN, dt.date(2018, 1, 1), dt.datetime(2018, 1, 1), WHEN.astimezone(dt.timezone(dt.timedelta(hours=5)))]
)
def test_equal_keys_have_one_id_whatever_their_python_types(customer, when) -> None:
    assert object_id(CUSTOMER_COMMENT, (customer, when, "x")) == PINNED
    assert object_id(CUSTOMER_COMMENT, {"review_text": "x", "date": when, "customer_id": customer}) == PINNED


@pytest.mark.parametrize("key", [(1.5, WHEN, "x"), ("66", "never", "x"), (66, WHEN), (2**64, WHEN, "x")])
def test_a_key_of_another_type_is_refused(key) -> None:
    with pytest.raises(ValueError):
        object_id(CUSTOMER_COMMENT, key)


@given(st.lists(st.text(max_size=20), unique=True, max_size=20))
def test_different_texts_have_different_ids_and_hashes(texts: list[str]) -> None:
    assert len({object_id(COMMENT_TRAINING, [t]) for t in texts}) == len(texts)
    assert len({content_hash(t) for t in texts}) == len(texts)


def test_collections_do_not_share_ids() -> None:
    other = Collection("Other", "", COMMENT_TRAINING.text, COMMENT_TRAINING.key, COMMENT_TRAINING.properties)
    assert object_id(COMMENT_TRAINING, ["x"]) != object_id(other, ["x"])


@pytest.mark.parametrize(
    "dates",
    [
        pa.array([WHEN]),
        pa.array([WHEN.replace(tzinfo=None)]),
        pa.array([WHEN.date()]),
        pa.array([WHEN.astimezone(dt.timezone(dt.timedelta(hours=5)))], pa.timestamp("ms", "Asia/Karachi")),
        pa.array(["2018-01-01"]),
        pa.array(["2018-01-01 00:00:00"]),
        pa.array(["2018-01-01T05:00:00+05:00"]),
    ],
    ids=lambda a: str(a.type),
)
def test_a_time_is_one_time_however_the_source_writes_it(dates: pa.Array) -> None:
    rows = property_rows(CUSTOMER_COMMENT, pa.table({"REVIEW_TEXT": ["x"], "CUSTOMER_ID": [66], "DATE": dates}))
    assert object_ids(CUSTOMER_COMMENT, rows) == [PINNED]


def test_a_time_that_is_none_is_named() -> None:
    source = pa.table({"review_text": ["x"], "customer_id": [66], "date": ["soon"]})
    with pytest.raises(VectorStoreError, match=r"date of CustomerComment is not a TIMESTAMP_NTZ: .*soon"):
        property_rows(CUSTOMER_COMMENT, source)


def test_rows_get_the_ids_of_their_keys() -> None:
    source = pa.table({"REVIEW_TEXT": ["x", "y"], "Customer_Id": [66, 67], "DATE": [WHEN.replace(tzinfo=None)] * 2})
    rows = property_rows(CUSTOMER_COMMENT, source)
    assert rows.schema.field("date").type == pa.timestamp("us", "UTC")
    assert object_ids(CUSTOMER_COMMENT, rows) == [PINNED, object_id(CUSTOMER_COMMENT, (67, WHEN, "y"))]
