"""The rows of a collection in Arrow: their schema, how source rows get it, and what is refused before it is stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from customer_analytics.resources.vector_store.protocol import And, Filter, In, IsNull, Range, VectorStoreError
from customer_analytics.tables import BOOLEAN, DATE, FLOAT, INTEGER, TEXT, TIMESTAMP, Collection, Column

ID, VECTOR, CONTENT_HASH, EMBEDDING_MODEL = "id", "vector", "content_hash", "embedding_model"
OWN = (ID, VECTOR, CONTENT_HASH, EMBEDDING_MODEL)
NIL = "00000000-0000-0000-0000-000000000000"
UNIT_LENGTH_TOLERANCE = 1e-3
_CHECK_ROWS = 65_536

_TYPES: dict[str, pa.DataType] = {
    INTEGER: pa.int64(),
    FLOAT: pa.float64(),
    TEXT: pa.string(),
    DATE: pa.date32(),
    TIMESTAMP: pa.timestamp("us", "UTC"),
    BOOLEAN: pa.bool_(),
}


def property_type(column: Column) -> pa.DataType:
    """The Arrow type of a property. Times are UTC, to the microsecond."""
    if column.type not in _TYPES:
        raise VectorStoreError(
            f"A collection cannot hold the type {column.type} of {column.name}: use one of {', '.join(_TYPES)}."
        )
    return _TYPES[column.type]


def schema_of(collection: Collection, dimension: int) -> pa.Schema:
    """The Arrow schema of a collection's objects: id, vector, content_hash, embedding_model, then its properties."""
    clash = {c.name for c in collection.properties} & set(OWN)
    if clash:
        raise VectorStoreError(
            f"{collection.name} may not have a property called {', '.join(sorted(clash))}: rename it."
        )
    return pa.schema(
        [
            pa.field(ID, pa.string(), nullable=False),
            pa.field(VECTOR, pa.list_(pa.float32(), dimension), nullable=False),
            pa.field(CONTENT_HASH, pa.string(), nullable=False),
            pa.field(EMBEDDING_MODEL, pa.string(), nullable=False),
            *(pa.field(c.name, property_type(c)) for c in collection.properties),
        ]
    )


def names_of(collection: Collection, columns: Sequence[str] | None, *, vector: bool) -> list[str]:
    """The columns asked for, checked; None means all, the vector only when `vector` says so."""
    known = [*OWN, *(c.name for c in collection.properties)]
    if columns is None:
        return [n for n in known if vector or n != VECTOR]
    for name in columns:
        if name not in known:
            raise VectorStoreError(f"{collection.name} has no property {name!r}: it has {', '.join(known)}.")
    return list(dict.fromkeys(columns))


def property_rows(collection: Collection, source: pa.Table) -> pa.Table:
    """Rows of a source table, as the collection's properties: names in its spelling, types as declared.

    Columns are found without regard to case, others are left out. A time without a zone is UTC.
    A missing column, or a value that does not fit its type, raises VectorStoreError.
    """
    found = {name.lower(): name for name in source.column_names}
    arrays = []
    for column in collection.properties:
        if column.name.lower() not in found:
            raise VectorStoreError(
                f"{collection.name} needs the column {column.name}: the source has none of that name."
            )
        values = source.column(found[column.name.lower()])
        wanted = property_type(column)
        try:
            arrays.append(_utc(values) if pa.types.is_timestamp(wanted) else values.cast(wanted))
        except pa.ArrowException as error:
            raise VectorStoreError(f"{column.name} of {collection.name} is not a {column.type}: {error}") from error
    return pa.table(arrays, names=[c.name for c in collection.properties])


def _utc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times, days or texts of either as times in UTC; without a zone they are UTC."""
    wanted = pa.timestamp("us", "UTC")
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        return values.cast(wanted)
    try:
        values = values.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # texts with a zone
        return values.cast(wanted)
    return pc.assume_timezone(values, "UTC")  # pyright: ignore[reportAttributeAccessIssue]


def check_rows(collection: Collection, dimension: int, rows: pa.Table) -> pa.Table:
    """The rows in the collection's schema, when every one of them may be stored; otherwise VectorStoreError.

    Refused: a missing or unknown column, another type (a time without a zone, a vector of float64), a
    vector of another length, with NaN or infinity, all zeros or not of unit length, an id that is no
    UUID or stands twice, two embedding models, and NULL in a required property.
    """
    wanted = schema_of(collection, dimension)
    name = collection.name
    if rows.schema.names != wanted.names:
        missing, extra = set(wanted.names) - set(rows.schema.names), set(rows.schema.names) - set(wanted.names)
        if missing or extra or len(rows.schema.names) != len(wanted.names):
            raise VectorStoreError(
                f"Rows for {name} must have the columns {', '.join(wanted.names)}: "
                f"missing {sorted(missing) or 'none'}, unknown {sorted(extra) or 'none'}."
            )
        rows = rows.select(wanted.names)
    arrays = [_column(name, field, rows.column(field.name), dimension) for field in wanted]
    required = {ID, VECTOR, CONTENT_HASH, EMBEDDING_MODEL, *(c.name for c in collection.properties if not c.nullable)}
    for field, values in zip(wanted, arrays, strict=True):
        if field.name in required and values.null_count:
            raise VectorStoreError(
                f"{values.null_count} rows for {name} have no {field.name}, which is required: fill it."
            )
        if pa.types.is_floating(field.type) and pc.all(pc.is_finite(values)).as_py() is False:  # pyright: ignore[reportAttributeAccessIssue]
            raise VectorStoreError(f"{field.name} for {name} holds NaN or infinity: give NULL instead.")
    checked = pa.table(arrays, schema=wanted)
    models = pc.unique(checked.column(EMBEDDING_MODEL)).to_pylist()  # pyright: ignore[reportAttributeAccessIssue]
    if len(models) > 1:
        raise VectorStoreError(f"Rows for {name} mix the models {', '.join(sorted(models))}: embed all by one.")
    _check_ids(name, checked.column(ID))
    for start in range(0, checked.num_rows, _CHECK_ROWS):
        _check_vectors(name, checked.slice(start, _CHECK_ROWS))
    return checked


def refuse_other_model(collection: Collection, checked: pa.Table, stored: str | None) -> None:
    """Raise when the checked rows are by another model than `stored`, that of any object that is there already."""
    if stored is not None and checked.num_rows and (model := checked.column(EMBEDDING_MODEL)[0].as_py()) != stored:
        raise VectorStoreError(
            f"{collection.name} is embedded by {stored} and these rows by {model}, which would mix: "
            "embed them by the same model, or drop the collection first."
        )


def _column(collection: str, field: pa.Field, values: pa.ChunkedArray, dimension: int) -> pa.ChunkedArray:
    if values.type == field.type:
        return values
    if pa.types.is_large_string(values.type) and pa.types.is_string(field.type):
        return values.cast(pa.string())
    if field.name == VECTOR and _is_list(values.type) and values.type.value_type == pa.float32():
        lengths = pc.unique(pc.list_value_length(values.drop_null())).to_pylist()  # pyright: ignore[reportAttributeAccessIssue]
        if lengths in ([], [dimension]):
            return values.cast(field.type)
        raise VectorStoreError(
            f"Vectors for {collection} have the length {', '.join(map(str, sorted(lengths)))} instead of {dimension}: "
            "embed with the model of the collection, or drop the collection first."
        )
    if pa.types.is_timestamp(values.type) and pa.types.is_timestamp(field.type) and values.type.tz is None:
        raise VectorStoreError(f"{field.name} for {collection} is a time without a zone: give it as UTC.")
    raise VectorStoreError(f"{field.name} for {collection} is {values.type} instead of {field.type}: convert it first.")


def _is_list(type_: pa.DataType) -> bool:
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)


def _check_ids(collection: str, ids: pa.ChunkedArray) -> None:
    # The nil UUID is nobody's: stores use it as the place before the first object.
    pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
    well_formed = pc.and_(pc.match_substring_regex(ids, pattern), pc.not_equal(ids, NIL))  # pyright: ignore[reportAttributeAccessIssue]
    if not pc.all(well_formed).as_py() and len(ids):  # pyright: ignore[reportAttributeAccessIssue]
        wrong = next(i for i, ok in zip(ids.to_pylist(), well_formed.to_pylist(), strict=True) if not ok)
        raise VectorStoreError(f"{wrong!r} is not an id for {collection}: make ids by object_id, UUIDs in lower case.")
    counts = pc.value_counts(ids)  # pyright: ignore[reportAttributeAccessIssue]
    twice = counts.filter(pc.greater(counts.field("counts"), 1))  # pyright: ignore[reportAttributeAccessIssue]
    if len(twice):
        first = twice.field("values")[0].as_py()
        raise VectorStoreError(
            f"{len(twice)} ids stand more than once in one batch for {collection}, such as {first}: make rows distinct."
        )


def _check_vectors(collection: str, rows: pa.Table) -> None:
    matrix = matrix_of(rows)
    ids = rows.column(ID)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    for bad, what, remedy in (
        (~np.isfinite(matrix).all(axis=1), "NaN or infinity in its vector", "embed its text again"),
        (lengths == 0, "a vector of zeros", "blank texts cannot be embedded, leave them out"),
        (abs(lengths - 1) > UNIT_LENGTH_TOLERANCE, "a vector that is not of unit length", "divide it by its length"),
    ):
        if bad.any():
            raise VectorStoreError(f"Object {ids[int(bad.argmax())]} for {collection} has {what}: {remedy}.")


def matrix_of(rows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """The vectors of the rows, float32, shape (rows, dimension)."""
    column = rows.column(VECTOR)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    dimension = column.type.list_size
    return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension)


def vector_array(matrix: np.ndarray) -> pa.FixedSizeListArray:
    """The Arrow column of a float32 matrix, one row each."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(matrix).ravel()), matrix.shape[1])


def check_query(collection: Collection, dimension: int, vector: np.ndarray, k: int) -> np.ndarray:
    """The query vector as float32 of shape (dimension,), finite and not zero."""
    query = np.asarray(vector, dtype=np.float32)
    if query.shape != (dimension,):
        raise VectorStoreError(
            f"The query vector for {collection.name} has the shape {query.shape} instead of ({dimension},): "
            "embed the question with the model of the collection."
        )
    if not np.isfinite(query).all() or not query.any():
        raise VectorStoreError(
            f"The query vector for {collection.name} is zero or not finite: embed the question again."
        )
    check_k(k)
    return query


def check_k(k: int) -> None:
    if k < 1:
        raise VectorStoreError(f"k is {k}: ask for at least one object.")


def check_filter(collection: Collection, where: Filter | None) -> Filter | None:
    """The filter with every value in the type of its property; a wrong name, type or a time without zone is refused."""
    if where is None:
        return None
    if isinstance(where, And):
        return And(tuple(f for f in (check_filter(collection, part) for part in where.filters) if f is not None))
    type_ = _filter_type(collection, where.property)
    if isinstance(where, In):
        if any(v is None for v in where.values):
            raise VectorStoreError(f"A filter on {where.property} has NULL among its values: ask for it by IsNull.")
        return In(where.property, tuple(dict.fromkeys(_filter_value(where.property, type_, v) for v in where.values)))
    if isinstance(where, Range):
        if not (pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_temporal(type_)):
            raise VectorStoreError(f"Range works on numbers and times, {where.property} is {type_}: use In.")
        low, high = (None if v is None else _filter_value(where.property, type_, v) for v in (where.low, where.high))
        return Range(where.property, low, high) if (low, high) != (None, None) else IsNull(where.property, negate=True)
    return where


def _filter_type(collection: Collection, name: str) -> pa.DataType:
    if name in (ID, CONTENT_HASH, EMBEDDING_MODEL):
        return pa.string()
    for column in collection.properties:
        if column.name == name:
            return property_type(column)
    raise VectorStoreError(
        f"{collection.name} has no property {name!r} to filter by: "
        f"it has {', '.join(c.name for c in collection.properties)}."
    )


def _filter_value(name: str, type_: pa.DataType, given: Any) -> Any:
    value: Any = given
    if pa.types.is_timestamp(type_):
        if isinstance(value, dt.datetime) and value.tzinfo is None:
            raise VectorStoreError(f"A filter on {name} has a time without a zone: give it as UTC.")
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    if isinstance(value, np.generic):
        value = value.item()
    accepted = _python_types(type_)
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        raise VectorStoreError(f"A filter on {name} has {value!r}, which is not {type_}: give it in that type.")
    if (
        pa.types.is_integer(type_) and isinstance(value, float) and not value.is_integer()
    ):  # Arrow would cut the fraction off
        raise VectorStoreError(f"A filter on {name} has {value!r}, which is not {type_}: give a whole number.")
    try:
        return pa.scalar(value, type_).as_py()
    except (pa.ArrowException, OverflowError) as error:
        raise VectorStoreError(f"A filter on {name} has {value!r}, which is not {type_}: {error}.") from error


def _python_types(type_: pa.DataType) -> tuple[type, ...]:
    if pa.types.is_string(type_):
        return (str,)
    if pa.types.is_boolean(type_):
        return (bool,)
    return (dt.date,) if pa.types.is_temporal(type_) else (int, float)
