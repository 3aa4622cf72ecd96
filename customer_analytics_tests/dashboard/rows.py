"""Snowpark frames of a declared table from plain rows."""

from __future__ import annotations

from typing import Any

from snowflake.snowpark import DataFrame, Session
from snowflake.snowpark.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampTimeZone,
    TimestampType,
)

from customer_analytics import tables as T

TYPES = {
    T.INTEGER: LongType(),
    T.MONEY: DecimalType(28, 9),
    "NUMBER(38,2)": DecimalType(38, 2),
    T.FLOAT: DoubleType(),
    T.TEXT: StringType(),
    T.DATE: DateType(),
    T.TIMESTAMP: TimestampType(TimestampTimeZone.NTZ),
    T.BOOLEAN: BooleanType(),
}


def frame(session: Session, table: T.Table, *rows: dict[str, Any]) -> DataFrame:
    """The table with these rows; columns not given are NULL."""
    schema = StructType([StructField(c.name, TYPES[c.type]) for c in table.columns])
    return session.create_dataframe([[row.get(name) for name in table.column_names] for row in rows], schema)
