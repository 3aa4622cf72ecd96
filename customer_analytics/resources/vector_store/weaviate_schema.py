"""A collection as Weaviate declares it: names, types, indexes; and what its types cannot keep exactly."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from customer_analytics.resources.vector_store import rows as objects
from customer_analytics.resources.vector_store.protocol import VectorStoreError
from customer_analytics.tables import Collection

# Beside every text stands its hash, which filters ask for: Weaviate trims a text and takes '' for null.
HASH_PREFIX = "hash_of_"
_ENCODED = "name_"
FLAT_SEARCH_CUTOFF = 110_000
# Numbers travel as doubles, and times are indexed as nanoseconds in 64 bits.
_LARGEST_INTEGER = 2**53
_FIRST, _LAST = dt.datetime(1678, 1, 1, tzinfo=dt.UTC), dt.datetime(2262, 1, 1, tzinfo=dt.UTC)


def inside(name: str) -> str:
    """The name that a property has inside Weaviate: as it is where Weaviate keeps it, otherwise in hexadecimal.

    Weaviate lowers a first capital and refuses blanks and most signs; different names stay different.
    """
    kept = re.fullmatch(r"[a-z][_0-9A-Za-z]{0,200}", name) and name not in ("id", "vector")
    if kept and not name.startswith((HASH_PREFIX, _ENCODED)):
        return name
    return _ENCODED + name.encode().hex()


def collection_config(collection: Collection, dimension: int) -> dict[str, Any]:
    """The arguments of `client.collections.create`."""
    from weaviate.classes.config import (
        Configure,
        DataType,
        Property,
        StopwordsPreset,
        Tokenization,
        VectorDistances,
    )

    def exact_text(name: str) -> Property:
        return Property(name=name, data_type=DataType.TEXT, tokenization=Tokenization.FIELD, index_searchable=False)

    properties = [exact_text(objects.CONTENT_HASH), exact_text(objects.EMBEDDING_MODEL)]
    for column in collection.properties:
        name, type_ = inside(column.name), objects.property_type(column)
        if pa.types.is_string(type_):
            searched = column.name == collection.text
            properties += [
                Property(
                    name=name,
                    data_type=DataType.TEXT,
                    description=column.description,
                    tokenization=Tokenization.WORD if searched else Tokenization.FIELD,
                    index_searchable=searched,
                    index_filterable=False,
                ),
                exact_text(HASH_PREFIX + name),
            ]
        elif pa.types.is_boolean(type_):
            properties.append(Property(name=name, data_type=DataType.BOOL, description=column.description))
        else:
            if pa.types.is_temporal(type_):
                kind = DataType.DATE
            else:
                kind = DataType.INT if pa.types.is_integer(type_) else DataType.NUMBER
            properties.append(
                Property(name=name, data_type=kind, description=column.description, index_range_filters=True)
            )
    return {
        "name": collection.name,
        # Weaviate does not declare the length of vectors: it is kept here.
        "description": f"{collection.description} [dimension={dimension}]",
        "properties": properties,
        "vector_config": Configure.Vectors.self_provided(
            vector_index_config=Configure.VectorIndex.hnsw(
                distance_metric=VectorDistances.COSINE, ef=256, flat_search_cutoff=FLAT_SEARCH_CUTOFF
            )
        ),
        "inverted_index_config": Configure.inverted_index(index_null_state=True, stopwords_preset=StopwordsPreset.NONE),
    }


def dimension_of(collection: Collection, config: Any) -> int:
    """The length of vectors that a collection was made for; one that this project did not make is refused."""
    found = re.search(r"\[dimension=(\d+)\]$", config.description or "")
    names = {p.name for p in config.properties}
    wanted = {p.name for p in collection_config(collection, 1)["properties"]}
    if not found or names != wanted:
        raise VectorStoreError(
            f"Weaviate's {collection.name} was not made by this version, it has {', '.join(sorted(names))}: "
            "drop it, then fill it anew."
        )
    return int(found[1])


def refuse_inexact(collection: Collection, rows: pa.Table) -> None:
    """Raise for numbers and times that Weaviate would change without a word."""
    for field in rows.schema:
        if not (pa.types.is_integer(field.type) or pa.types.is_temporal(field.type)):
            continue
        bounds: Any = pc.min_max(rows.column(field.name))  # pyright: ignore[reportAttributeAccessIssue]
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        if low is None:
            continue
        if pa.types.is_integer(field.type):
            if low < -_LARGEST_INTEGER or high > _LARGEST_INTEGER:
                raise VectorStoreError(
                    f"{field.name} of {collection.name} goes to {max(high, -low)}: Weaviate keeps integers "
                    "exactly up to 2**53 only, store it as text."
                )
        else:
            first, last = (_FIRST, _LAST) if isinstance(low, dt.datetime) else (_FIRST.date(), _LAST.date())
            if low < first or high >= last:
                raise VectorStoreError(
                    f"{field.name} of {collection.name} goes from {low} to {high}: Weaviate keeps times from "
                    "1678 to 2261 only, correct it in the source."
                )
