"""Any value of our types comes back as it went in, on every way in: bindings, rows, frames, CSV and Parquet files."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from snowflake.connector.pandas_tools import write_pandas
from snowflake.snowpark import Session
from snowflake.snowpark import types as t

COLUMNS = "id NUMBER(38,0), amount NUMBER(28,9), ratio FLOAT, label VARCHAR, paid BOOLEAN, day DATE, at TIMESTAMP_NTZ"
TYPES = t.StructType(
    [
        t.StructField("ID", t.LongType()),
        t.StructField("AMOUNT", t.DecimalType(28, 9)),
        t.StructField("RATIO", t.DoubleType()),
        t.StructField("LABEL", t.StringType()),
        t.StructField("PAID", t.BooleanType()),
        t.StructField("DAY", t.DateType()),
        t.StructField("AT", t.TimestampType(t.TimestampTimeZone.NTZ)),
    ]
)
NAMES = [field.name for field in TYPES.fields]
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.decimals(-(10**18), 10**18, places=9, allow_nan=False, allow_infinity=False),
        st.none() | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
        st.none() | TEXTS,
        st.none() | st.booleans(),
        st.none() | st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1)),
        st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)),
    ),
    min_size=1,
    max_size=4,
)
few = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def there(module_session: Session) -> Session:
    module_session.sql(f"CREATE TABLE back ({COLUMNS})").collect()
    module_session.sql("CREATE STAGE files").collect()
    return module_session


def back(session: Session) -> Counter[tuple[Any, ...]]:
    rows = [tuple(row) for row in session.table("back").collect()]
    session.sql("TRUNCATE TABLE back").collect()
    return Counter(rows)


@few
@given(rows=ROWS)
def test_bindings(there: Session, rows: Rows) -> None:
    cursor = there.connection.cursor()
    cursor._connection._paramstyle, before = "qmark", cursor._connection._paramstyle
    try:
        cursor.executemany(f"INSERT INTO back VALUES ({', '.join('?' * len(NAMES))})", rows)
    finally:
        cursor._connection._paramstyle = before
    assert back(there) == Counter(rows)


@few
@given(rows=ROWS)
def test_create_dataframe(there: Session, rows: Rows) -> None:
    there.create_dataframe(rows, TYPES).write.mode("append").save_as_table("back")
    assert back(there) == Counter(rows)


@few
@given(rows=ROWS)
def test_write_pandas(there: Session, rows: Rows) -> None:
    frame = pd.DataFrame(rows, columns=NAMES, dtype=object)
    schema = (there.get_current_schema() or "").strip('"')
    write_pandas(there.connection, frame, "BACK", schema=schema, compression="snappy", use_logical_type=True)
    assert back(there) == Counter(rows)


@few
@given(rows=ROWS)
@example(rows=[(None, None, None, "\r", None, None, None)])
def test_copy_of_a_csv_file(there: Session, tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> None:
    def field(value: Any) -> str:
        text = value.hex() if isinstance(value, bytes) else repr(value) if isinstance(value, float) else str(value)
        return "\\N" if value is None else '"' + text.replace('"', '""') + '"'

    folder = tmp_path_factory.mktemp("csv")
    lines = [",".join(field(value) for value in row) + "\n" for row in rows]
    (folder / "rows.csv").write_bytes("".join(lines).encode())
    there.file.put(str(folder / "rows.csv"), "@files", auto_compress=False, overwrite=True)
    there.sql(
        "COPY INTO back FROM @files/rows.csv FORCE = TRUE FILE_FORMAT = (TYPE = CSV"
        " FIELD_OPTIONALLY_ENCLOSED_BY = '\"' EMPTY_FIELD_AS_NULL = FALSE)"
    ).collect()
    assert back(there) == Counter(rows)


@pytest.mark.parametrize("kind", ["TIMESTAMP_NTZ", "TIMESTAMP_TZ", "DATE", "TIME", "NUMBER(10,2)", "VARIANT", "BINARY"])
def test_null_is_null_among_values_and_alone(there: Session, kind: str) -> None:
    values = {"DATE": "2020-01-02", "TIME": "01:02:03", "NUMBER(10,2)": "1.5", "VARIANT": "1", "BINARY": "AB"}
    value = values.get(kind, "2020-01-02 03:04:05")
    query = f"SELECT column1::{kind} AS x FROM VALUES ('{value}'), (NULL) ORDER BY 1"
    found = [row[0] for row in there.sql(query).collect()]
    assert found[0] is not None
    assert found[1] is None
    assert there.sql(f"SELECT NULL::{kind} AS x").collect()[0][0] is None
    assert there.sql(query).to_pandas().iloc[:, 0].isna().tolist() == [False, True]


def test_a_table_dropped_after_its_file_was_loaded_is_loaded_anew(there: Session, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("1\n")
    there.file.put(str(tmp_path / "one.csv"), "@files", auto_compress=False)
    copy = "COPY INTO again FROM @files/one.csv FILE_FORMAT = (TYPE = CSV)"
    for ending in ("DROP TABLE again", "TRUNCATE TABLE again", "SELECT 1"):
        there.sql("CREATE TABLE IF NOT EXISTS again (a INT)").collect()
        there.sql(copy).collect()
        there.sql(copy).collect()
        assert there.table("again").count() == 1
        there.sql(ending).collect()
    assert Decimal(there.table("again").collect()[0][0]) == 1
