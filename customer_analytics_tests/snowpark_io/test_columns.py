"""Columns: declared, changed, odd."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake.snowpark import Session

from customer_analytics.snowpark_io import ColumnMismatch, SnowparkIOManager
from customer_analytics.snowpark_io import upload as uploading
from customer_analytics.snowpark_io.columns import Column, canonical_type, projection
from customer_analytics.snowpark_io.names import literal, quoted, stored_name

from .conftest import content, write


def declared(*columns: tuple[str, str]) -> dict[str, Any]:
    return {"dagster/column_schema": dg.TableSchema([dg.TableColumn(n, t) for n, t in columns])}


def test_a_table_takes_its_new_columns(io: SnowparkIOManager, session: Session) -> None:
    write(io, pd.DataFrame({"a": [1], "b": ["x"]}))
    write(io, pd.DataFrame({"c": [1.5], "a": ["now text"]}))
    assert session.table("T").columns == ["C", "A"]
    assert content(session) == [(1.5, "now text")]


def test_declared_types_and_order_win(io: SnowparkIOManager, session: Session) -> None:
    schema = declared(("B", "NUMBER(10,2)"), ("A", "VARCHAR"), ("D", "DATE"), ("E", "FLOAT"))
    frame = {"a": [1], "b": [1.5], "d": [dt.datetime(2020, 1, 2)], "E": [None]}
    for value in (pd.DataFrame(frame), session.create_dataframe(pd.DataFrame({**frame, "E": [0.5]}))):
        write(io, value, metadata=schema)
        assert session.table("T").columns == ["B", "A", "D", "E"]
        [row] = content(session)
        assert (str(row[0]), row[1], row[2]) == ("1.50", "1", dt.date(2020, 1, 2))


def test_a_frame_that_is_not_the_declared_table_is_refused(io: SnowparkIOManager, session: Session) -> None:
    write(io, pd.DataFrame({"A": [1]}), metadata=declared(("A", "NUMBER(38,0)")))
    for frame, named in ((pd.DataFrame({"A": [2], "B": [2]}), "undeclared"), (pd.DataFrame({"B": [2]}), "lacks")):
        for value in (frame, session.create_dataframe(frame)):
            with pytest.raises(ColumnMismatch, match=named):
                write(io, value, metadata=declared(("A", "NUMBER(38,0)")))
    assert content(session) == [(1,)]


def test_a_value_that_does_not_fit_leaves_the_old_table(io: SnowparkIOManager, session: Session) -> None:
    schema = declared(("A", "NUMBER(38,0)"))
    write(io, pd.DataFrame({"A": [1]}), metadata=schema)
    with pytest.raises(Exception, match="no number"):
        write(io, pd.DataFrame({"A": ["no number"]}), metadata=schema)
    assert content(session) == [(1,)]


def test_a_frame_without_columns_is_an_empty_declared_table(io: SnowparkIOManager, session: Session) -> None:
    write(io, pd.DataFrame(), metadata=declared(("A", "NUMBER(38,0)")))
    assert (session.table("T").columns, content(session)) == (["A"], [])
    with pytest.raises(ColumnMismatch, match="no columns"):
        write(io, pd.DataFrame())


def test_columns_that_are_null_throughout_keep_the_tables_types(io: SnowparkIOManager, session: Session) -> None:
    """pandas knows no type of such a column, nor of any column of an empty frame."""
    write(io, pd.DataFrame({"N": [1], "D": [dt.date(2020, 1, 2)], "T": ["x"]}))
    types = [f.datatype for f in session.table("T").schema.fields]
    for frame in (pd.DataFrame({"N": [2], "D": [None], "T": [None]}), pd.DataFrame(columns=["N", "D", "T"])):
        write(io, frame)
        assert [f.datatype for f in session.table("T").schema.fields] == types
        assert content(session) == [(2, None, None)][: len(frame)]
    write(io, pd.DataFrame({"NEW": [None]}))
    assert content(session) == [(None,)]


def test_types_that_arrow_has(io: SnowparkIOManager, session: Session) -> None:
    zone = pa.timestamp("us", "America/New_York")
    noon = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)
    frame = pa.table(
        {
            "DICT": pa.array(["a", None]).dictionary_encode(),
            "ZONED": pa.array([noon, None], zone),
            "NANOS": pa.array([1577836800000000000, None], pa.timestamp("ns")),
            "NOTHING": pa.nulls(2),
            "BYTES": pa.array([b"\x00\xff", None]),
            "TIME": pa.array([dt.time(1, 2, 3), None]),
            "LIST": pa.array([[1, 2], None]),
            "HALF": pa.array(np.array([0.5, np.nan], np.float16)),
            "BIG": pa.array([2**62, None], pa.uint64()),
            "LARGE": pa.array(["x" * 100_000, None], pa.large_string()),
        }
    )
    write(io, frame)
    row = next(r for r in session.table("T").collect() if r["DICT"])
    assert row["ZONED"] == dt.datetime(2020, 1, 1, 12)  # the same instant, in UTC
    assert row["NANOS"] == dt.datetime(2020, 1, 1)
    assert (row["NOTHING"], bytes(row["BYTES"]), row["TIME"]) == (None, b"\x00\xff", dt.time(1, 2, 3))
    assert (row["LIST"].replace(" ", "").replace("\n", ""), row["HALF"], row["BIG"]) == ("[1,2]", 0.5, 2**62)
    assert len(row["LARGE"]) == 100_000


def test_a_stream_goes_up_in_several_files(
    io: SnowparkIOManager, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "FILE_BYTES", 1000)
    schema = pa.schema([("ID", pa.int64())])
    batches = (pa.record_batch([pa.array(range(i * 500, i * 500 + 500))], schema=schema) for i in range(4))
    write(io, pa.RecordBatchReader.from_batches(schema, batches))
    assert [r[0] for r in session.sql('SELECT COUNT(DISTINCT ID) FROM "T"').collect()] == [2000]


def test_columns_that_differ_in_case_only_are_refused(io: SnowparkIOManager) -> None:
    with pytest.raises(ColumnMismatch, match="twice"):
        write(io, pd.DataFrame({"a": [1], "A": [2]}))


@pytest.mark.parametrize("value", [None, 3, [1], {"a": 1}])
def test_what_is_not_a_table_is_named(io: SnowparkIOManager, value: Any) -> None:
    with pytest.raises(dg.DagsterInvariantViolationError, match="not a table"):
        write(io, value)


def test_schema_by_metadata_then_manager_then_prefix(session: Session, io: SnowparkIOManager) -> None:
    from .conftest import OneSession

    base = (session.get_current_schema() or "").strip('"')
    bare = SnowparkIOManager(OneSession(session))
    frame = pd.DataFrame({"A": [1]})
    write(bare, frame, key_prefix=[f"{base}_PREFIX"])
    write(bare, frame, key_prefix=["ignored"], metadata={"schema": f"{base}_META"})
    try:
        for suffix in ("PREFIX", "META"):
            assert content(session, f"{base}_{suffix}.T") == [(1,)]
    finally:
        for suffix in ("PREFIX", "META"):
            session.sql(f"DROP SCHEMA IF EXISTS {base}_{suffix}").collect()


def test_statements_carry_run_and_asset(io: SnowparkIOManager, session: Session) -> None:
    tags: list[str | None] = []

    def body() -> pd.DataFrame:
        return pd.DataFrame({"A": [1]})

    original = type(session).query_tag.fset  # type: ignore[attr-defined]

    def spy(self: Session, tag: str | None) -> None:
        tags.append(tag)
        original(self, tag)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(session), "query_tag", type(session).query_tag.setter(spy))  # type: ignore[attr-defined]
        result = write(io, body)
    assert tags[0] is not None
    assert result.run_id in tags[0]
    assert '"asset": "T"' in tags[0]
    assert not tags[-1]


@given(st.text(min_size=1))
def test_a_name_survives_quoting(name: str) -> None:
    assert stored_name(quoted(name)) == name
    assert literal(name)[0] == literal(name)[-1] == "'"


@pytest.mark.parametrize(
    ("declared_type", "expected"),
    [
        ("integer", "NUMBER(38,0)"),
        ("decimal( 10 , 2 )", "NUMBER(10,2)"),
        ("NUMBER(5)", "NUMBER(5,0)"),
        ("text", "VARCHAR"),
        ("double  precision", "FLOAT"),
        ("varchar(16777216)", "VARCHAR"),
        ("TIMESTAMP_NTZ(9)", "TIMESTAMP_NTZ"),
        ("VECTOR(FLOAT, 384)", "VECTOR(FLOAT,384)"),
    ],
)
def test_types_have_one_spelling(declared_type: str, expected: str) -> None:
    assert canonical_type(declared_type) == expected


@pytest.mark.parametrize("bad", ["", "VARCHAR) AS SELECT 1 --", "x'y"])
def test_a_type_is_only_a_type(bad: str) -> None:
    with pytest.raises(ValueError, match="not a Snowflake type"):
        canonical_type(bad)


def test_declared_names_match_whatever_their_case() -> None:
    source = [Column("ID", "FLOAT"), Column("name", "VARCHAR")]
    pairs = projection(source, [Column("NAME", None), Column("ID", "NUMBER(38,0)")])
    assert pairs == [(source[1], Column("NAME", "VARCHAR")), (source[0], Column("ID", "NUMBER(38,0)"))]
