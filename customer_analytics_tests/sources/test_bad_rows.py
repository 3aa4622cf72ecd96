"""Rows that break the contract are set aside with line, reason and text; the others load exactly as they are."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_analytics.tables import (
    STG_AD_SPEND,
    STG_COMMENT_TRAINING,
    STG_CUSTOMER_CONVERSIONS,
    STG_CUSTOMERS,
    STG_ORDERS,
    STG_PAYMENTS,
    STG_SESSIONS,
    STG_SUBSCRIPTION_PERIODS,
    STG_TWITTER_COMMENTS,
)
from customer_analytics_tests.sources.reading import read

ORDERS = "order_id,customer_id,order_date,status\n"
PERIODS = "subscription_id,customer_id,start_date,end_date,monthly_amount\n"
SESSIONS = "session_id,customer_id,started_at,ended_at,utm_source,utm_medium,utm_campaign\n"
CUSTOMERS = "customer_id,first_name,last_name\n"


def test_columns_in_any_order_and_case_and_unknown_ones(tmp_path: Path) -> None:
    got = read(tmp_path, STG_CUSTOMERS, "Last_Name,age,CUSTOMER_ID, first_name\nB.,30,1,Ann\n")
    assert got.rows == [(1, "Ann", "B.")]
    assert got.unknown_columns == ("age",)


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last_end", [True, False])
def test_byte_order_mark_and_line_ends(tmp_path: Path, bom: str, end: str, last_end: bool) -> None:
    lines = [
        "order_id,customer_id,order_date,status",
        "1,2,2018-01-01,placed",
        "2,x,2018-01-01,placed",
        "3,2,2018-1-3,",
    ]
    got = read(tmp_path, STG_ORDERS, bom + end.join(lines) + end * last_end)
    assert got.rows == [(1, 2, dt.date(2018, 1, 1), "placed"), (3, 2, dt.date(2018, 1, 3), None)]
    assert got.reasons == [(3, "customer_id 'x' is not a whole number within 64 bits")]
    assert got.texts == ["2,x,2018-01-01,placed"]


def test_windows_line_end_in_the_header_only(tmp_path: Path) -> None:
    got = read(tmp_path, STG_ORDERS, ORDERS.replace("\n", "\r\n") + "1,2,2018-01-01,placed\n")
    assert got.rows == [(1, 2, dt.date(2018, 1, 1), "placed")]


def test_a_short_row_is_padded_only_where_the_rest_may_be_empty(tmp_path: Path) -> None:
    got = read(tmp_path, STG_SESSIONS, SESSIONS + "1,5,2020-02-04 2:02:21\n2,5\n3,5,2020-02-04 12:02:21,,direct\n")
    start = dt.datetime(2020, 2, 4, 2, 2, 21)
    assert got.rows[0] == (1, 5, start, None, None, None, None)
    assert got.rows[1][4:] == ("direct", None, None)
    assert got.reasons == [(3, "started_at is empty")]
    assert got.texts == ["2,5"]


def test_a_long_row_is_rejected_and_nothing_shifts(tmp_path: Path) -> None:
    got = read(tmp_path, STG_CUSTOMERS, CUSTOMERS + "1,Ann,B.\n2,Bob,C.,x\n3,Cy,D.\n")
    assert got.rows == [(1, "Ann", "B."), (3, "Cy", "D.")]
    assert got.reasons == [(3, "it has 4 fields, the header 3")]
    assert got.texts == ["2,Bob,C.,x"]


def test_surplus_fields_that_are_empty_are_nothing(tmp_path: Path) -> None:
    got = read(tmp_path, STG_CUSTOMERS, CUSTOMERS + "1,Ann,B.,\n2,Bob,C.,,,\n")
    assert got.rows == [(1, "Ann", "B."), (2, "Bob", "C.")]
    assert got.rejected == []


def test_blank_lines_are_no_rows_and_keep_the_count_of_lines(tmp_path: Path) -> None:
    got = read(tmp_path, STG_CUSTOMERS, CUSTOMERS + "1,Ann,B.\n\n\nx,Bob,C.\n")
    assert got.rows == [(1, "Ann", "B.")]
    assert [line for line, _ in got.reasons] == [5]


def test_a_broken_quote_costs_its_own_line_alone(tmp_path: Path) -> None:
    content = CUSTOMERS + '1,"Ann,B.\n2,"Bob"x,C.\n3,"C""y\nz",D.\n4,E"f,G\n5,"open\n6,H,I\n'
    got = read(tmp_path, STG_CUSTOMERS, content)
    assert got.rows == [(3, 'C"y\nz', "D."), (4, 'E"f', "G"), (6, "H", "I")]
    assert [line for line, _ in got.reasons] == [2, 3, 7]
    assert got.texts == ['1,"Ann,B.', '2,"Bob"x,C.', '5,"open']


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2018-02-03", dt.date(2018, 2, 3)),
        ("2018-2-3", dt.date(2018, 2, 3)),
        ("2018-02-03 00:00:00", dt.date(2018, 2, 3)),
        ("2018-02-03T00:00:00Z", dt.date(2018, 2, 3)),
        (" 2018-02-03 ", dt.date(2018, 2, 3)),
        ("9999-12-31", dt.date(9999, 12, 31)),
        ("2018-02-30", None),
        ("31/01/2018", None),
        ("2018/01/31", None),
        ("20180131", None),
        ("infinity", None),
        ("0000-01-01", None),
        ("12018-01-01", None),
        ("2018-02-03 10:00:00", None),
        ("today", None),
        ("", None),
    ],
)
def test_dates(tmp_path: Path, text: str, value: dt.date | None) -> None:
    got = read(tmp_path, STG_ORDERS, f"{ORDERS}1,2,{text},placed\n")
    assert [r[2] for r in got.rows] == ([value] if value else [])
    assert len(got.rejected) == (value is None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2020-02-04 2:02:21", "2020-02-04 02:02:21"),
        ("2020-02-04T02:02:21.5", "2020-02-04 02:02:21.500000"),
        ("2020-02-04 02:02", "2020-02-04 02:02:00"),
        ("2020-02-04", "2020-02-04 00:00:00"),
        ("2020-02-04 02:02:21+02:00", "2020-02-04 00:02:21"),
        ("2020-02-04 2:02:21 +02", "2020-02-04 00:02:21"),
        ("2020-02-04T02:02:21-0530", "2020-02-04 07:32:21"),
        ("2020-02-04T02:02:21Z", "2020-02-04 02:02:21"),
        ("2020-02-04 02:02:21 UTC", "2020-02-04 02:02:21"),
        ("2020-02-04 24:00:00", None),
        ("2020-02-04 12:60:00", None),
        ("2020-02-04 12:00:60", None),
        ("1580781741", None),
        ("2020-02-30 12:00:00", None),
        ("2020-02-04 12:00:00 Europe/Berlin", None),
    ],
)
def test_times(tmp_path: Path, text: str, value: str | None) -> None:
    got = read(tmp_path, STG_SESSIONS, f"{SESSIONS}1,5,{text},,direct,,\n")
    assert [str(r[2]) for r in got.rows] == ([value] if value else [])
    assert len(got.rejected) == (value is None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("50", "50"),
        ("+50.25", "50.25"),
        (".5", "0.5"),
        ("1e2", "100"),
        ("33.333333333333336", "33.333333333"),
        ("0", "0"),
        ("9999999999999999999", "9999999999999999999"),
        ('"1,000"', None),
        ("1_000", None),
        ("1'000", None),
        ("NaN", None),
        ("inf", None),
        ("-Infinity", None),
        ("1e400", None),
        ("99999999999999999999", None),
        ("$5", None),
        ("-1", None),
        ("", None),
        ("0x10", None),
    ],
)
def test_amounts(tmp_path: Path, text: str, value: str | None) -> None:
    got = read(tmp_path, STG_SUBSCRIPTION_PERIODS, f"{PERIODS}1,2,2018-01-01,,{text}\n")
    assert [r[4] for r in got.rows] == ([Decimal(value)] if value else [])
    assert len(got.rejected) == (value is None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("007", 7),
        ("-7", -7),
        ("5.0", 5),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("1e3", None),
        ("1.5", None),
        ("0x10", None),
        ("٣", None),
        ("NULL", None),
        ("", None),
    ],
)
def test_whole_numbers(tmp_path: Path, text: str, value: int | None) -> None:
    got = read(tmp_path, STG_CUSTOMERS, f"{CUSTOMERS}{text},Ann,B.\n")
    assert [r[0] for r in got.rows] == ([value] if value is not None else [])
    assert len(got.rejected) == (value is None)


def test_of_one_key_the_first_good_row_stays(tmp_path: Path) -> None:
    content = ORDERS + "1,2,bad,a\n1,2,2018-01-01,b\n1,2,2018-01-01,b\n1,3,2018-01-02,c\n2,2,2018-01-01,d\n"
    got = read(tmp_path, STG_ORDERS, content)
    assert [(r[0], r[3]) for r in got.rows] == [(1, "b"), (2, "d")]
    assert got.reasons[1:] == [(n, "order_id is repeated, first on line 3") for n in (4, 5)]
    assert got.texts[1:] == ["1,2,2018-01-01,b", "1,3,2018-01-02,c"]


def test_the_whole_row_is_the_key_of_conversions_and_spend_may_repeat(tmp_path: Path) -> None:
    conversions = (
        "customer_id,converted_at,revenue\n1,2020-01-01,5\n1,2020-01-01 00:00,5.0\n1,2020-01-01,6\n1,2020-01-02,5\n"
    )
    got = read(tmp_path, STG_CUSTOMER_CONVERSIONS, conversions)
    assert len(got.rows) == 3
    assert got.reasons == [(3, "the row is repeated, first on line 2")]
    spend = "date_day,utm_source,utm_medium,utm_campaign,spend\n2020-01-01,a,,,0\n2020-01-01,a,,,0\n"
    assert len(read(tmp_path, STG_AD_SPEND, spend).rows) == 2


def test_periods(tmp_path: Path) -> None:
    content = (
        PERIODS
        + "1,2,2018-03-01,2018-02-01,5\n2,2,2018-03-01,2018-03-01,5\n3,2,2017-03-05,,5\n4,2,2099-01-01,2099-02-01,0\n"
    )
    got = read(tmp_path, STG_SUBSCRIPTION_PERIODS, content)
    assert [r[0] for r in got.rows] == [2, 3, 4]
    assert got.reasons == [(2, "end_date is before start_date")]


def test_every_fault_of_a_row_is_named(tmp_path: Path) -> None:
    got = read(tmp_path, STG_ORDERS, ORDERS + "x,,2018-02-30,a\n")
    assert got.reasons == [
        (
            2,
            "order_id 'x' is not a whole number within 64 bits; customer_id is empty; "
            "order_date '2018-02-30' is not a day like 2018-01-31",
        )
    ]


def test_unknown_methods_load_and_refunds_too(tmp_path: Path) -> None:
    got = read(
        tmp_path, STG_PAYMENTS, "payment_id,order_id,payment_method,amount\n1,99,bitcoin,-500\n2,1,,5\n3,1,coupon,1.5\n"
    )
    assert got.rows == [(1, 99, "bitcoin", -500)]
    assert got.reasons == [
        (3, "payment_method is empty"),
        (4, "amount '1.5' is not a whole number within 64 bits"),
    ]


TEXTS = [
    "'; DROP TABLE CUSTOMERS; --",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "line one\nline two\r\nline three",
    "Zoë 👩‍👩‍👧 ‮עברית‬ \u200f",
    'say "hi", ok',
    "back\\slash $1 %s {x} ?",
    "  spaces  ",
    "NULL",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_text_is_kept_literally(tmp_path: Path, text: str) -> None:
    quoted = '"' + text.replace('"', '""') + '"'
    got = read(tmp_path, STG_CUSTOMERS, f"{CUSTOMERS}1,{quoted},B.\nx,{quoted},B.\n")
    assert got.rows == [(1, text, "B.")]
    assert got.texts == [f"x,{quoted},B."]


def test_training_texts(tmp_path: Path) -> None:
    content = (
        "review_text,label\ngood toy,1\nbad toy,0\nodd toy,1\nodd toy,0\nodd toy,1\ngood toy,1\n"
        "maybe toy,2\n123 !!! 👍,1\n,1\nfine toy,\n日本,1\n"
    )
    got = read(tmp_path, STG_COMMENT_TRAINING, content)
    assert got.rows == [("good toy", "1"), ("bad toy", "0"), ("日本", "1")]
    assert [line for line, _ in got.reasons] == [4, 5, 6, 7, 8, 9, 10, 11]
    assert dict(got.reasons)[5] == "review_text comes with different values, first on line 4"
    assert dict(got.reasons)[8] == "label '2' is not one of 0, 1"
    assert dict(got.reasons)[9] == "review_text '123 !!! 👍' has no letters"


def test_parquet_rows_are_judged_alike(tmp_path: Path) -> None:
    table = pa.table(
        {
            "Review_Text": ["fine", "...", None, "fine", "ok"],
            "DATE": ["2018-01-01", "2018-01-01", "2018-01-01", "2018-1-01", "31/01/2018"],
            "customer_id": pa.array([1.0, 2.0, 3.0, 1.0, 4.5]),
            "more": [1, 2, 3, 4, 5],
        }
    )
    pq.write_table(table, tmp_path / "made")
    got = read(tmp_path, STG_TWITTER_COMMENTS, (tmp_path / "made").read_bytes(), "parquet")
    assert got.rows == [(1, dt.datetime(2018, 1, 1), "fine")]
    assert got.unknown_columns == ("more",)
    assert [line for line, _ in got.reasons] == [2, 3, 4, 5]
    assert '"..."' in got.texts[0]


def test_parquet_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "session_id": pa.array([1, 2], pa.uint64()),
            "customer_id": ["5", "6"],
            "started_at": pa.array(
                [dt.datetime(2020, 1, 1, 1), dt.datetime(2020, 1, 1, 2)], pa.timestamp("ns", "Europe/Berlin")
            ),
            "ended_at": pa.array([None, dt.datetime(2020, 1, 2)], pa.timestamp("ms")),
            "utm_source": pa.array(["a", None]).dictionary_encode(),
            "utm_medium": pa.nulls(2),
            "utm_campaign": pa.array([1, 2]),
        }
    )
    pq.write_table(table, tmp_path / "made")
    got = read(tmp_path, STG_SESSIONS, (tmp_path / "made").read_bytes(), "parquet")
    assert got.rejected == []
    assert got.rows[0] == (1, 5, dt.datetime(2020, 1, 1, 1), None, "a", None, "1")
    assert got.rows[1][3] == dt.datetime(2020, 1, 2)
