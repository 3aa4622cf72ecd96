"""Frames on their way up: Arrow or pandas, as snappy Parquet through a stage, by COPY INTO a temporary table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .columns import Column, arrow_to_snowflake
from .names import TableName, quoted, stored_name

if TYPE_CHECKING:
    import pyarrow as pa
    from snowflake.snowpark import Session

FILE_BYTES = 64 * 1024 * 1024
"""About how much Arrow goes into one Parquet file: it bounds memory, and Snowflake loads files in parallel."""
PANDAS_ROWS = 100_000
"""Rows of a pandas frame turned into Arrow at a time."""


def frame_schema(frame: Any) -> pa.Schema:
    """The Arrow schema of a pandas frame (its index is not written), a table or a batch reader."""
    import pyarrow as pa

    if isinstance(frame, (pa.Table, pa.RecordBatchReader)):
        return frame.schema
    if not frame.columns.is_unique:
        raise ValueError("the pandas frame has two columns of one name: rename one")
    return pa.Schema.from_pandas(frame, preserve_index=False)


def frame_columns(frame: Any) -> list[Column]:
    """The Snowflake columns that hold the frame, by the types of its own."""
    return [Column(stored_name(f.name), arrow_to_snowflake(f.type)) for f in frame_schema(frame)]


def upload(session: Session, frame: Any, target: TableName, columns: Sequence[Column], stage: TableName) -> int:
    """Fill the table `target` with the frame; the number of rows. `columns` are target's, in the frame's order.

    `stage` is an empty stage for it alone. Memory is bounded by `FILE_BYTES`, whatever the
    frame's length.
    """
    schema = _file_schema(frame_schema(frame), columns)
    with tempfile.TemporaryDirectory(prefix="snowpark-io-") as folder:
        files = 0
        for path in _parquet_files(_batches(frame), schema, Path(folder)):
            session.file.put(str(path), f"@{stage.sql}", auto_compress=False, overwrite=True)
            path.unlink()
            files += 1
    if not files:
        return 0
    # Positional names in the files: whatever the column is called, the path to it is plain.
    fields = ", ".join(f"$1:C{i}::{c.type}" for i, c in enumerate(columns))
    names = ", ".join(quoted(c.name) for c in columns)
    loaded: Any = session.sql(
        f"COPY INTO {target.sql} ({names}) FROM (SELECT {fields} FROM @{stage.sql}) "
        "FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE) "
        "ON_ERROR = ABORT_STATEMENT"
    ).collect()
    return sum(int(file["rows_loaded"]) for file in loaded)


def _batches(frame: Any) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    if isinstance(frame, pa.RecordBatchReader):
        yield from frame
    elif isinstance(frame, pa.Table):
        yield from frame.to_batches()
    else:
        schema = frame_schema(frame)
        for start in range(0, len(frame), PANDAS_ROWS):
            chunk = frame.iloc[start : start + PANDAS_ROWS]
            yield from pa.Table.from_pandas(chunk, schema=schema, preserve_index=False).to_batches()


def _file_schema(schema: pa.Schema, columns: Sequence[Column]) -> pa.Schema:
    """What the files hold: types that Parquet and COPY INTO agree on, under positional names."""
    import pyarrow as pa
    import pyarrow.types as t

    fields = []
    for i, (field, column) in enumerate(zip(schema, columns, strict=True)):
        type_ = field.type
        if t.is_dictionary(type_):
            type_ = type_.value_type
        if t.is_null(type_) or t.is_large_string(type_) or t.is_string_view(type_):
            type_ = pa.string()
        elif t.is_float16(type_):
            type_ = pa.float32()
        elif t.is_timestamp(type_) and type_.tz:
            # The same instant; with its zone only where the column can hold one.
            keeps_zone = (column.type or "").startswith(("TIMESTAMP_TZ", "TIMESTAMP_LTZ"))
            type_ = pa.timestamp(type_.unit, "UTC" if keeps_zone else None)
        elif t.is_date64(type_):
            type_ = pa.date32()
        fields.append(pa.field(f"C{i}", type_))
    return pa.schema(fields)


def _parquet_files(batches: Iterator[pa.RecordBatch], schema: pa.Schema, folder: Path) -> Iterator[Path]:
    """Files of about FILE_BYTES each, one at a time; none when there is no row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Only texts repeat enough: a dictionary of ids or times takes time and is given up in the end.
    texts: Any = [f.name for f in schema if pa.types.is_string(f.type)]
    writer, path, size, number = None, folder, 0, 0
    try:
        for batch in batches:
            rows = max(1, int(batch.num_rows * FILE_BYTES / max(batch.nbytes, 1)))
            for start in range(0, batch.num_rows, rows):
                part = batch.slice(start, rows)
                if writer is None:
                    path = folder / f"part-{number:05d}.parquet"
                    writer = pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=texts)
                    number, size = number + 1, 0
                # A time with a zone becomes the same instant in UTC when its zone is cast away.
                arrays = [column.cast(field.type) for column, field in zip(part.columns, schema, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                size += part.nbytes
                if size >= FILE_BYTES:
                    writer.close()
                    writer = None
                    yield path
        if writer is not None:
            writer.close()
            writer = None
            yield path
    finally:
        if writer is not None:
            writer.close()
