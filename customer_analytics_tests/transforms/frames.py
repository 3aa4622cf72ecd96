"""Rows as a Snowpark frame with a table's declared types, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from snowflake.snowpark import DataFrame, Session
from snowflake.snowpark.types import (
    DataType,
    DateType,
    DecimalType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampTimeZone,
    TimestampType,
)

from customer_analytics.tables import DATE, INTEGER, MONEY, TEXT, TIMESTAMP, Table

_TYPES: dict[str, DataType] = {
    INTEGER: LongType(),
    MONEY: DecimalType(28, 9),
    DATE: DateType(),
    TIMESTAMP: TimestampType(TimestampTimeZone.NTZ),
    TEXT: StringType(),
}


def frame(session: Session, table: Table, rows: Iterable[Sequence[Any]]) -> DataFrame:
    """The rows as `table`, held in a temporary table."""
    schema = StructType([StructField(c.name, _TYPES[c.type], nullable=True) for c in table.columns])
    return session.create_dataframe([list(r) for r in rows], schema=schema).cache_result()


def rows_of(table: DataFrame) -> list[dict[str, Any]]:
    """The rows as dicts with lower-case names, in no order."""
    return [{k.lower(): v for k, v in row.as_dict().items()} for row in table.collect()]


def month_after(day: dt.date, months: int) -> dt.date:
    number = day.year * 12 + day.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1)
