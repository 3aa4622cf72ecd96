"""Rows as Weaviate's objects, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from customer_analytics.resources.vector_store import rows as objects
from customer_analytics.resources.vector_store.identity import content_hash
from customer_analytics.resources.vector_store.weaviate_filters import midnight
from customer_analytics.resources.vector_store.weaviate_schema import HASH_PREFIX, inside
from customer_analytics.tables import Collection


def asked(names: Sequence[str]) -> list[str]:
    """The properties to ask Weaviate for, of those columns."""
    return [inside(n) for n in names if n not in (objects.ID, objects.VECTOR)]


def in_parts(rows: pa.Table, most_rows: int, most_bytes: int) -> Iterator[pa.Table]:
    """The rows in slices of at most so many rows and, unless it is one row, so many bytes."""
    if rows.num_rows > 1 and (rows.num_rows > most_rows or rows.nbytes > most_bytes):
        half = most_rows * max(1, rows.num_rows // (2 * most_rows)) if rows.num_rows > most_rows else rows.num_rows // 2
        yield from in_parts(rows.slice(0, half), most_rows, most_bytes)
        yield from in_parts(rows.slice(half), most_rows, most_bytes)
    elif rows.num_rows:
        yield rows


def outgoing(collection: Collection, rows: pa.Table) -> list[Any]:
    """Rows as Weaviate's objects, whole: a property left out would become null."""
    from weaviate.classes.data import DataObject

    vectors = objects.matrix_of(rows).tolist()
    ids = rows.column(objects.ID).to_pylist()
    columns: dict[str, list[Any]] = {}
    for name in rows.schema.names:
        if name in (objects.ID, objects.VECTOR):
            continue
        values = rows.column(name).to_pylist()
        if pa.types.is_date32(rows.schema.field(name).type):
            values = [midnight(v) for v in values]
        columns[inside(name)] = values
        if name not in objects.OWN and pa.types.is_string(rows.schema.field(name).type):
            columns[HASH_PREFIX + inside(name)] = [None if v is None else content_hash(v) for v in values]
    names = list(columns)
    return [
        DataObject(properties=dict(zip(names, values, strict=True)), uuid=id_, vector=vector)
        for id_, vector, values in zip(ids, vectors, zip(*columns.values(), strict=True), strict=True)
    ]


def incoming(collection: Collection, schema: pa.Schema, found: Sequence[Any], names: Sequence[str]) -> pa.Table:
    """Weaviate's objects as rows, under the names and in the types of the collection."""
    arrays: list[pa.Array] = []
    for name in names:
        type_ = schema.field(name).type
        if name == objects.ID:
            values: list[Any] = [str(o.uuid) for o in found]
        elif name == objects.VECTOR:
            values = [o.vector["default"] for o in found]
        else:
            values = [o.properties.get(inside(name)) for o in found]
            if pa.types.is_date32(type_):
                values = [None if v is None else v.date() for v in values]
        arrays.append(pa.array(values, type_))
    return pa.Table.from_arrays(arrays, schema=pa.schema([schema.field(n) for n in names]))
