"""The vector store: what customers said, searchable by meaning. LanceDB in a folder, or Weaviate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from customer_analytics.tables import Collection

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class In:
    """The property is one of the values. No values: nothing matches."""

    property: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """low <= property < high; None leaves that end open. NULL never matches."""

    property: str
    low: Any = None
    high: Any = None


@dataclass(frozen=True)
class IsNull:
    property: str
    negate: bool = False


@dataclass(frozen=True)
class And:
    filters: tuple[Filter, ...]


Filter = In | Range | IsNull | And


class VectorStore(Protocol):
    """Collections of objects with one vector each, over Arrow.

    Every object has `id` (uuid string), `vector` (fixed-size list of float32, unit length),
    `content_hash`, `embedding_model` and its collection's properties. Property names are kept
    exactly, whatever the store makes of them inside. Errors are `VectorStoreError`.
    """

    name: str

    def ensure(self, collection: Collection, dimension: int) -> None:
        """Make the collection when it is missing. A different dimension is an error: `drop` it first."""
        ...

    def upsert(self, collection: Collection, rows: pa.Table) -> int:
        """Insert or replace whole objects by id; the number written. Checked before anything is sent."""
        ...

    def delete(self, collection: Collection, ids: Sequence[str]) -> int: ...

    def ids(self, collection: Collection) -> Iterator[str]: ...

    def count(self, collection: Collection, where: Filter | None = None) -> int: ...

    def scan(
        self,
        collection: Collection,
        columns: Sequence[str] | None = None,
        where: Filter | None = None,
        batch_size: int = 1000,
    ) -> Iterator[pa.RecordBatch]:
        """Every object, in batches. `columns` may name `vector`; None means all with the vector."""
        ...

    def near(
        self,
        collection: Collection,
        vector: np.ndarray,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The k nearest by cosine, exact to brute force, with `distance` = 1 - cosine; ties by id."""
        ...

    def keyword(
        self,
        collection: Collection,
        query: str,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The k best by BM25 on the collection's text, with `score`. A query without words finds nothing."""
        ...

    def exists(self, collection: Collection) -> bool: ...

    def maintain(self, collection: Collection) -> None:
        """Compact and index after writes."""
        ...

    def drop(self, collection: Collection) -> None: ...

    def close(self) -> None: ...


class VectorStoreError(Exception):
    """What went wrong, in one sentence with the remedy."""
