"""DuckDB's results as Snowflake's: types, row metadata, Arrow batches."""

from __future__ import annotations

import base64
import json
from typing import Any

import pyarrow as pa
from fakesnow.arrow import to_sf
from fakesnow.rowtype import describe_as_rowtype

_SMALL_INTEGERS = {"TINYINT", "SMALLINT", "UTINYINT", "USMALLINT", "UINTEGER", "INTEGER"}
_AS_TEXT = {"UUID", "INTERVAL", "TIME WITH TIME ZONE", "BIT", "VARIANT"}


def row_type(name: str, duck_type: str) -> dict[str, Any]:
    """Snowflake's description of one column."""
    return dict(describe_as_rowtype([(name, duck_type, None, None, None, None)])[0])


def snowflake_result(table: pa.Table, duck_types: list[str]) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The table with columns as the connector expects them, and their descriptions."""
    columns, types = [], []
    for name, duck_type, column in zip(table.column_names, duck_types, table.columns, strict=True):
        converted, description = _column(name, duck_type, column)
        columns.append(converted)
        types.append(description)
    return (pa.table(columns, names=table.column_names) if columns else table), types


def _column(name: str, duck_type: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, dict[str, Any]]:
    if duck_type in _SMALL_INTEGERS:
        return column.cast(pa.int64()), row_type(name, "BIGINT")
    if duck_type in ("UBIGINT", "UHUGEINT", "HUGEINT"):
        if pa.types.is_uint64(column.type):
            column = column.cast(pa.decimal128(20, 0)).cast(pa.decimal128(38, 0))
        elif not pa.types.is_decimal(column.type):
            column = column.cast(pa.decimal128(38, 0))
        return column, row_type(name, "DECIMAL(38,0)")
    if duck_type == "FLOAT":
        return column.cast(pa.float64()), row_type(name, "DOUBLE")
    if duck_type.startswith("FLOAT[") and duck_type.endswith("]"):
        item = row_type("", "DOUBLE")
        vector = {**item, "name": name, "type": "vector", "vectorDimension": int(duck_type[6:-1]), "fields": [item]}
        return column, vector
    if duck_type.endswith("]") or duck_type.startswith(("STRUCT", "MAP")):
        return _text(column, lambda v: json.dumps(v, default=str)), row_type(name, "JSON")
    if duck_type in _AS_TEXT or duck_type.startswith("ENUM"):
        return _text(column, str), row_type(name, "VARCHAR")
    if duck_type in ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"):
        return column.cast(pa.timestamp("us"), safe=False), row_type(name, "TIMESTAMP")
    return column, row_type(name, duck_type)


def _text(column: pa.ChunkedArray, convert: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([None if v is None else convert(v) for v in column.to_pylist()], pa.string())])


def arrow_payload(table: pa.Table, types: list[dict[str, Any]]) -> str:
    """The rows as the connector reads them. Nothing for no rows: an empty batch crashes its C++ reader."""
    if not table.num_rows:
        return ""
    converted = _with_null_timestamps(to_sf(table, types), table)  # type: ignore[arg-type]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, converted.schema) as writer:
        for batch in converted.to_batches():
            writer.write_batch(batch)
    return base64.b64encode(sink.getvalue()).decode()


def _with_null_timestamps(converted: pa.Table, table: pa.Table) -> pa.Table:
    """fakesnow leaves the struct of a NULL timestamp valid and only its parts NULL: the connector reads 1970."""
    columns = list(converted.columns)
    for i, original in enumerate(table.columns):
        if pa.types.is_timestamp(original.type) and original.null_count:
            struct = converted.column(i).combine_chunks()
            parts = [struct.field(f) for f in range(struct.type.num_fields)]
            # A part that is not nullable holds 0 where the whole is NULL.
            parts = [part.fill_null(0) for part in parts]
            mask = original.combine_chunks().is_null()
            columns[i] = pa.StructArray.from_arrays(parts, fields=list(struct.type), mask=mask)
    return pa.Table.from_arrays(columns, schema=converted.schema)


def json_rows(table: pa.Table) -> list[list[str | None]]:
    """Rows for replies of statements that change data: the connector reads their counts from here."""
    return [[None if v is None else str(v) for v in row.values()] for row in table.to_pylist()]
