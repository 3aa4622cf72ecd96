"""What every vector store does, whichever one it is: the Protocol, its filters and its one kind of error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from customer_analytics.tables import Collection

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class VectorStoreError(Exception):
    """What went wrong, in one sentence with the remedy."""


@dataclass(frozen=True)
class In:
    """The property is one of the values. No values: nothing matches. NULL never matches: ask by `IsNull`."""

    property: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """low <= property < high; None leaves that end open. NULL never matches. Numbers and times only."""

    property: str
    low: Any = None
    high: Any = None


@dataclass(frozen=True)
class IsNull:
    """The property is NULL, or with `negate` is not."""

    property: str
    negate: bool = False


@dataclass(frozen=True)
class And:
    """All of the filters match. No filters: everything matches."""

    filters: tuple[Filter, ...]


Filter = In | Range | IsNull | And


class VectorStore(Protocol):
    """Collections of objects with one vector each, over Arrow.

    Every object has `id` (uuid string), `vector` (fixed-size list of float32, unit length),
    `content_hash`, `embedding_model` and its collection's properties, as `rows.schema_of` types
    them. Property names are kept exactly, whatever the store makes of them inside. A filter may
    name a property, `id`, `content_hash` or `embedding_model`; times in filters carry a zone.

    Every failure is a `VectorStoreError`, a collection that was never made included: only
    `exists`, `ensure` and `drop` may be called without one.
    """

    name: str
    """Technology and place, such as `lancedb:<folder>`; never a secret."""

    def ensure(self, collection: Collection, dimension: int) -> None:
        """Make the collection when it is missing. A different dimension is an error: `drop` it first."""
        ...

    def exists(self, collection: Collection) -> bool: ...

    def dimension(self, collection: Collection) -> int:
        """The length of the collection's vectors."""
        ...

    def upsert(self, collection: Collection, rows: pa.Table) -> int:
        """Insert or replace whole objects by id; the number written.

        `rows.check_rows` looks at all of them before anything is sent, and refuses them whole; so are
        objects of another embedding model than the collection's, as distances between two models mean nothing.
        A failure on the way may leave some of them written; the same call again repairs that.
        """
        ...

    def replace(self, collection: Collection, dimension: int, batches: Iterable[pa.Table]) -> int:
        """Make the collection hold these objects alone, whatever it held, of whatever model or dimension; how many.

        Ids are distinct over all batches. LanceDB does it in one commit: readers see the old or the new, and
        a failure leaves the old. Weaviate can only drop and fill: meanwhile readers see a part of the new, never
        both, and a failure leaves that part, which the same call again repairs.
        """
        ...

    def delete(self, collection: Collection, ids: Sequence[str]) -> int:
        """Remove objects by id, however many; the number that was there."""
        ...

    def ids(self, collection: Collection) -> Iterator[str]:
        """Every id, in no particular order."""
        ...

    def count(self, collection: Collection, where: Filter | None = None) -> int: ...

    def scan(
        self,
        collection: Collection,
        columns: Sequence[str] | None = None,
        where: Filter | None = None,
        batch_size: int = 1000,
    ) -> Iterator[pa.RecordBatch]:
        """Every object, in batches of at most `batch_size`; memory stays bounded.

        `columns` may name `vector`; None means all with the vector.
        """
        ...

    def near(
        self,
        collection: Collection,
        vector: np.ndarray,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The k nearest by cosine with `distance` = 1 - cosine (float64), nearest first, ties by id.

        `columns` None means all but the vector. A store that is exact only up to a size says so by
        its constant `EXACT_UP_TO` (objects); below it the answer is that of brute force.
        """
        ...

    def keyword(
        self,
        collection: Collection,
        query: str,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """The k best by BM25 on the collection's text with `score` (float64), best first, ties by id.

        An object matches when it holds at least one of the query's words; a query without words
        finds nothing. Scores of two stores differ slightly: compare ranks.
        """
        ...

    def maintain(self, collection: Collection) -> None:
        """Compact and index after writes. Safe beside readers and writers, and to repeat."""
        ...

    def drop(self, collection: Collection) -> None:
        """Remove the collection and all its objects. One that is not there is no error."""
        ...

    def close(self) -> None: ...
