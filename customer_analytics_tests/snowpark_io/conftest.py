"""Dagster assets over the IO manager, on the local Snowflake, in a schema of the test's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from snowflake.snowpark import DataFrame

from customer_analytics.snowpark_io import SnowparkIOManager

if TYPE_CHECKING:
    from snowflake.snowpark import Session

TYPES = {"snowpark": DataFrame, "pandas": pd.DataFrame, "arrow": pa.Table}

ROWS = pa.table(
    {
        "ID": pa.array([1, 2, 3], pa.int64()),
        "NAME": ["plain", 'it\'s \\ "ünï" 😀\n;--', None],
        "AMOUNT": pa.array([Decimal("1.25"), Decimal("-0.01"), None], pa.decimal128(28, 9)),
        "RATIO": pa.array([0.5, -1e300, None]),
        "DAY": pa.array([dt.date(2020, 2, 29), dt.date(1969, 12, 31), None]),
        "AT": pa.array([dt.datetime(2020, 1, 1, 2, 2, 21, 5), dt.datetime(1969, 1, 1), None], pa.timestamp("us")),
        "FLAG": pa.array([True, False, None]),
        "order": pa.array(["keyword", "lower case", None]),
    }
)
SCHEMA = dg.TableSchema(
    [
        dg.TableColumn("ID", "NUMBER(38,0)"),
        dg.TableColumn("NAME", "VARCHAR", "What it's called"),
        dg.TableColumn("AMOUNT", "NUMBER(28,9)"),
        dg.TableColumn("RATIO", "FLOAT"),
        dg.TableColumn("DAY", "DATE"),
        dg.TableColumn("AT", "TIMESTAMP_NTZ"),
        dg.TableColumn("FLAG", "BOOLEAN"),
        dg.TableColumn('"order"', "VARCHAR"),
    ]
)


class OneSession:
    """The session of a test, handed to the IO manager."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def session(self) -> Session:
        return self._session


@pytest.fixture
def io(session: Session) -> SnowparkIOManager:
    return SnowparkIOManager(OneSession(session), schema=schema_of(session))


def schema_of(session: Session) -> str:
    return (session.get_current_schema() or "").strip('"')


def frame_of(kind: str, session: Session, rows: pa.Table) -> Any:
    """The rows as the frame of this kind, with types that only the declared schema can make exact."""
    if kind == "arrow":
        return rows
    if kind == "pandas":
        return rows.to_pandas().rename(columns={"order": '"order"'})
    return session.create_dataframe([list(r.values()) for r in rows.to_pylist()], schema=_struct(rows))


def _struct(rows: pa.Table) -> Any:
    from snowflake.snowpark import types as t

    kinds: list[tuple[Callable[[pa.DataType], bool], Any]] = [
        (pa.types.is_integer, t.LongType()),
        (pa.types.is_decimal, t.DecimalType(28, 9)),
        (pa.types.is_floating, t.DoubleType()),
        (pa.types.is_date, t.DateType()),
        (pa.types.is_timestamp, t.TimestampType(t.TimestampTimeZone.NTZ)),
        (pa.types.is_boolean, t.BooleanType()),
        (pa.types.is_string, t.StringType()),
    ]
    return t.StructType(
        [t.StructField(f'"{f.name}"', next(k for test, k in kinds if test(f.type))) for f in rows.schema]
    )


def write(
    io: SnowparkIOManager,
    value: Any,
    *,
    partition: str | None = None,
    name: str = "T",
    instance: Any = None,
    **options: Any,
) -> Any:
    """Materialise an asset that returns `value` (or calls it), and return Dagster's result."""

    def body() -> Any:
        return value() if callable(value) else value

    asset = dg.asset(name=name, **options)(body)
    return dg.materialize([asset], resources={"io_manager": io}, partition_key=partition, instance=instance)


def metadata_of(result: Any, name: str = "T") -> dict[str, Any]:
    [event] = result.asset_materializations_for_node(name)
    return {k: v.value for k, v in event.metadata.items()}


def content(session: Session, table: str = "T") -> list[tuple[Any, ...]]:
    return sorted((tuple(r) for r in session.table(table).collect()), key=repr)
