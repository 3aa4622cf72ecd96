"""Filters in Weaviate's terms. Their meaning is the protocol's: NULL matches neither values nor ranges."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from customer_analytics.resources.vector_store import rows as objects
from customer_analytics.resources.vector_store.identity import content_hash
from customer_analytics.resources.vector_store.protocol import And, Filter, In, IsNull
from customer_analytics.resources.vector_store.weaviate_schema import HASH_PREFIX, inside
from customer_analytics.tables import Collection

_NOBODY = "00000000-0000-0000-0000-000000000000"


def everything() -> Any:
    """A filter that every object matches."""
    from weaviate.classes.query import Filter as By

    return By.by_id().not_equal(_NOBODY)


def matches_nothing(where: Filter | None) -> bool:
    """Whether an empty list of values stands in the filter; Weaviate would raise."""
    if isinstance(where, And):
        return any(matches_nothing(part) for part in where.filters)
    return isinstance(where, In) and not where.values


def weaviate_filter(collection: Collection, where: Filter | None) -> Any:
    """A filter checked by `rows.check_filter`, as Weaviate's; None when everything matches."""
    from weaviate.classes.query import Filter as By

    if where is None or matches_nothing(where):
        return None
    if isinstance(where, And):
        parts = [part for part in (weaviate_filter(collection, f) for f in where.filters) if part is not None]
        return By.all_of(parts) if parts else None
    if where.property == objects.ID:
        if isinstance(where, In):
            return By.by_id().contains_any(list(where.values))
        return everything() if isinstance(where, IsNull) and where.negate else By.by_id().equal(_NOBODY)
    hashed = _is_hashed(collection, where.property)
    name = inside(where.property)
    by = By.by_property(HASH_PREFIX + name if hashed else name)
    if isinstance(where, IsNull):
        return by.is_none(not where.negate)
    if isinstance(where, In):
        return by.contains_any([content_hash(v) if hashed else midnight(v) for v in where.values])
    parts = []
    if where.low is not None:
        parts.append(by.greater_or_equal(midnight(where.low)))
    if where.high is not None:
        parts.append(by.less_than(midnight(where.high)))
    return By.all_of(parts) if len(parts) > 1 else parts[0]


def midnight(value: Any) -> Any:
    """A day as its first moment in UTC, which is how Weaviate keeps it; anything else as it is."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    return value


def _is_hashed(collection: Collection, name: str) -> bool:
    return any(c.name == name and pa.types.is_string(objects.property_type(c)) for c in collection.properties)
