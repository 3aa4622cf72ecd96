"""One contract for the three types, over whole tables and partitions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from snowflake.snowpark import DataFrame, Session

from customer_analytics.snowpark_io import SnowparkIOManager

from .conftest import ROWS, SCHEMA, TYPES, content, frame_of, metadata_of, write

DECLARED = {"dagster/column_schema": SCHEMA}
EXPECTED = sorted((tuple(r.values()) for r in ROWS.to_pylist()), key=repr)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_table_is_what_was_returned(io: SnowparkIOManager, session: Session, kind: str, rows: int) -> None:
    for _ in range(2):  # running twice changes nothing
        result = write(io, frame_of(kind, session, ROWS.slice(0, rows)), metadata=DECLARED)
        assert content(session) == sorted((tuple(r.values()) for r in ROWS.slice(0, rows).to_pylist()), key=repr)
        written = metadata_of(result)
        assert written["dagster/row_count"] == rows
        assert written["dagster/column_schema"] == SCHEMA
        assert written["query_ids"]


@pytest.mark.parametrize("wanted", TYPES)
def test_inputs_come_as_annotated(io: SnowparkIOManager, session: Session, wanted: str) -> None:
    write(io, ROWS, metadata=DECLARED)
    seen: list[Any] = []

    def downstream(T: Any) -> None:
        seen.append(T)

    downstream.__annotations__["T"] = TYPES[wanted]
    upstream = dg.AssetSpec("T", metadata=DECLARED)
    asset = dg.asset(name="D", ins={"T": dg.AssetIn("T", metadata={"columns": ["ID", '"order"']})})(downstream)
    dg.materialize([upstream, asset], resources={"io_manager": io})
    [frame] = seen
    assert isinstance(frame, TYPES[wanted])
    if isinstance(frame, DataFrame):
        frame = frame.to_pandas()
    columns = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    assert columns == ["ID", "order"]
    values = frame.to_pydict()["ID"] if isinstance(frame, pa.Table) else list(frame["ID"])
    assert sorted(values) == [1, 2, 3]


def test_arrow_input_has_the_columns_types(io: SnowparkIOManager, session: Session) -> None:
    write(io, ROWS, metadata=DECLARED)
    from customer_analytics.snowpark_io.reading import as_arrow

    back = as_arrow(session.table("T")).sort_by("ID")
    assert back.schema.field("ID").type == pa.int64()
    assert back.schema.field("AMOUNT").type == pa.decimal128(28, 9)
    assert sorted((tuple(r.values()) for r in back.to_pylist()), key=repr) == EXPECTED


def test_without_a_declared_schema_the_types_are_the_frames(io: SnowparkIOManager, session: Session) -> None:
    write(io, pd.DataFrame({"a": [1], "B c": [1.5], "select": ["x"], "t": [dt.datetime(2020, 1, 1, 0, 0, 0, 7)]}))
    assert session.table("T").columns == ["A", '"B c"', "SELECT", "T"]
    assert content(session) == [(1, 1.5, "x", dt.datetime(2020, 1, 1, 0, 0, 0, 7))]
