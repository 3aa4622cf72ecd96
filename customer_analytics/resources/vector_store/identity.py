"""Who an object is: its id from the natural key, and the hash of its text. The same on every machine and store."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsInt

import pyarrow as pa

from customer_analytics.resources.vector_store.rows import property_type
from customer_analytics.tables import Collection

if TYPE_CHECKING:
    from customer_analytics.tables import Column

# Never change this: every id in every store and snapshot follows from it.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "vectors.customer-analytics")


def content_hash(text: str) -> str:
    """SHA-256 of the text as UTF-8, in hex. Nothing is normalised: a blank more is another text."""
    return hashlib.sha256(text.encode()).hexdigest()


def object_id(collection: Collection, key: Sequence[Any] | Mapping[str, Any]) -> str:
    """The id of the object with this natural key: uuid5 of the collection's name and the key's values.

    Values are brought to the declared types first, so that 66, Decimal("66") and numpy's 66 are one
    customer and a time without a zone is UTC. A value that is not of its type raises ValueError.
    """
    values = [key[name] for name in collection.key] if isinstance(key, Mapping) else list(key)
    if len(values) != len(collection.key):
        raise ValueError(
            f"{collection.name} has the key {', '.join(collection.key)}: give {len(collection.key)} values"
        )
    columns = {c.name: c for c in collection.properties}
    return _uuid(collection, [_typed(columns[name], v) for name, v in zip(collection.key, values, strict=True)])


def object_ids(collection: Collection, rows: pa.Table) -> list[str]:
    """`object_id` of every row; the key columns already have the types of `rows.schema_of`."""
    keys = zip(*(rows.column(name).to_pylist() for name in collection.key), strict=True)
    return [_uuid(collection, list(key)) for key in keys]


def _uuid(collection: Collection, values: list[Any]) -> str:
    key = json.dumps([collection.name, *map(_canonical, values)], ensure_ascii=False, separators=(",", ":"))
    return str(uuid.uuid5(_NAMESPACE, key))


def _canonical(value: Any) -> Any:
    """A JSON value that is the same for equal values of one type, and different for different ones."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value + 0.0)  # -0.0 is 0.0; NaN is a string here, as JSON has none
    if value is None or isinstance(value, (str, int)):
        return value
    raise ValueError(f"a key cannot hold a {type(value).__name__}")


def _typed(column: Column, value: Any) -> Any:
    wanted = property_type(column)
    try:
        if isinstance(value, dt.datetime):
            value = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        elif isinstance(value, dt.date) and pa.types.is_timestamp(wanted):
            value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
        elif pa.types.is_integer(wanted) and isinstance(value, SupportsInt):
            if int(value) != value:  # Arrow would cut the fraction off
                raise ValueError("not a whole number")
            value = int(value)  # Decimal and numpy's integers
        return pa.scalar(value, wanted).as_py()
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{column.name} of {value!r} is not a {column.type}: {error}") from error
