"""Reading: a table, some columns of it, or some partitions, as the type that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .names import TableName, quoted, stored_name

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.snowpark import DataFrame, Session


def lazy_table(session: Session, table: TableName, columns: Sequence[str] | None, predicate: str | None) -> DataFrame:
    """The table as a lazy Snowpark frame; columns and predicate are part of its query."""
    from snowflake.snowpark.functions import sql_expr

    frame = session.table(table.sql)
    if predicate:
        frame = frame.where(sql_expr(predicate))
    return frame.select(*[quoted(stored_name(c)) for c in columns]) if columns else frame


def as_arrow(frame: DataFrame) -> pa.Table:
    """The frame as Arrow, with types that depend on the columns and not on the values at hand.

    The connector sends a NUMBER as the smallest integers that hold a chunk. Here NUMBER(p,0) is
    int64 (decimal128 where a value needs it) and NUMBER(p,s) decimal128(p,s).
    """
    import pyarrow as pa
    from snowflake.snowpark.types import DecimalType, LongType

    table: Any = frame.to_arrow()
    for i, field in enumerate(frame.schema.fields):
        wanted = None
        if isinstance(field.datatype, DecimalType) and field.datatype.scale:
            wanted = pa.decimal128(field.datatype.precision, field.datatype.scale)
        elif isinstance(field.datatype, (LongType, DecimalType)):
            wanted = pa.int64()
        if wanted is not None and table.column(i).type != wanted:
            try:
                column = table.column(i).cast(wanted)
            except pa.ArrowInvalid:
                column = table.column(i).cast(pa.decimal128(38, 0))
            table = table.set_column(i, table.column_names[i], column)
    return table


def load(frame: DataFrame, as_type: Any) -> Any:
    """The frame's rows as a pandas frame, an Arrow table or an Arrow reader."""
    import pyarrow as pa

    if as_type is pa.Table:
        return as_arrow(frame)
    if as_type is pa.RecordBatchReader:
        table = as_arrow(frame)
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    return frame.to_pandas()
