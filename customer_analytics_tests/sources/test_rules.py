"""The short way for texts that are what their value prints gives what the patterns give."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_analytics.sources import rules
from customer_analytics.tables import DATE, INTEGER, TIMESTAMP, Column

CONNECTION = duckdb.connect()
CONNECTION.execute("SET TimeZone = 'UTC'")
PIECES = [
    *("0", "1", "9", "12", "30", "59", "2018", "0001", "9999"),
    *("-", ":", ".", " ", "T", "Z", "+05:30", "e", "_", "BC"),
]
WHOLE = [
    *("infinity", "-infinity", "epoch", "today", "0000-01-01", "0001-01-01", "10000-01-01", "0044-03-15 (BC)"),
    *("2018-01-31", "2018-02-30", "2018-01-31 09:30:00", "2018-01-31 09:30:00.123456", "9999-12-31 23:59:59.999999"),
    *("-0", "007", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "true", "nan", "1e3"),
]
texts = st.one_of(st.sampled_from(WHOLE), st.lists(st.sampled_from(PIECES), max_size=9).map("".join))


@pytest.mark.parametrize("kind", [INTEGER, DATE, TIMESTAMP])
@given(text=texts)
def test_both_ways_agree(kind: str, text: str) -> None:
    value = rules.value(Column("c", kind, "c"), "raw")
    # No value prints a blank in front, so the second text goes by the patterns.
    rows = CONNECTION.execute(f"SELECT {value} FROM (VALUES (?), (' ' || ?)) t(raw)", [text, text]).fetchall()
    assert rows[0] == rows[1]
