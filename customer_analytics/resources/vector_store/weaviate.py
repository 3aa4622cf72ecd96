"""Weaviate, server or cloud: the vector store that scales out.

What this adapter takes care of, because Weaviate does not by itself: names that it would change are
mapped and given back exactly; texts are filtered by their hash, because Weaviate trims them and takes
an empty one for NULL; numbers and times that it cannot keep exactly are refused; failed objects of a
batch raise; deletes go in parts below its silent limit; and up to `EXACT_UP_TO` objects search is
brute force, because its HNSW graph misses some neighbours.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from customer_analytics.resources.vector_store import ranking
from customer_analytics.resources.vector_store import rows as objects
from customer_analytics.resources.vector_store.protocol import Filter, In, VectorStoreError
from customer_analytics.resources.vector_store.weaviate_connection import WeaviateConnection, unless_too_large
from customer_analytics.resources.vector_store.weaviate_filters import (
    everything,
    matches_nothing,
    weaviate_filter,
)
from customer_analytics.resources.vector_store.weaviate_objects import asked, in_parts, incoming, outgoing
from customer_analytics.resources.vector_store.weaviate_schema import (
    collection_config,
    dimension_of,
    inside,
    refuse_inexact,
)
from customer_analytics.tables import Collection

if TYPE_CHECKING:
    import numpy as np

    from customer_analytics.settings import Settings

EXACT_UP_TO = 100_000
"""Objects up to which `near` is exact; beyond, Weaviate's HNSW graph answers, with a recall near 0.99."""
_MOST_RESULTS = 10_000  # Weaviate's QUERY_MAXIMUM_RESULTS
_ROWS_PER_REQUEST = 500
_BYTES_PER_REQUEST = 32 * 2**20  # a message of gRPC holds 100 MB, unless the server was set otherwise
_WRITERS = 3
_IDS_PER_DELETE = 1_000
_ONE_PAGE = 2_000
_START = "00000000-0000-0000-0000-000000000000"  # the cursor's place before the first object
_COUNT_AGE_SECONDS = 30


class WeaviateVectorStore:
    """The `VectorStore` on a Weaviate server. Nothing connects before the first call."""

    def __init__(self, url: str, grpc_url: str | None = None, api_key: str | None = None) -> None:
        self._connection = WeaviateConnection(url, grpc_url, api_key)
        self.name = f"weaviate:{self._connection.url}"
        self._dimensions: dict[str, int] = {}
        self._counts: dict[str, tuple[float, int]] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> WeaviateVectorStore:
        if not settings.weaviate_url:
            raise VectorStoreError("WEAVIATE_URL is not set: set it, or use LanceDB.")
        key = settings.weaviate_api_key
        return cls(settings.weaviate_url, settings.weaviate_grpc_url, key.get_secret_value() if key else None)

    def ensure(self, collection: Collection, dimension: int) -> None:
        if not self.exists(collection):
            try:
                with self._errors(collection):
                    self._connection.client().collections.create(**collection_config(collection, dimension))
            except VectorStoreError:
                # Another process may have made it in this moment; anything else is the error.
                if not self.exists(collection):
                    raise
        there = self._read_dimension(collection)
        if there != dimension:
            raise VectorStoreError(
                f"{collection.name} holds vectors of length {there}, not {dimension}: drop it, then fill it anew."
            )

    def exists(self, collection: Collection) -> bool:
        with self._errors(collection):
            return self._connection.client().collections.exists(collection.name)

    def dimension(self, collection: Collection) -> int:
        return self._read_dimension(collection)

    def upsert(self, collection: Collection, rows: pa.Table) -> int:
        checked = objects.check_rows(collection, self._read_dimension(collection), rows)
        refuse_inexact(collection, checked)
        parts = list(in_parts(checked, _ROWS_PER_REQUEST, _BYTES_PER_REQUEST))
        with self._errors(collection):
            if parts:
                objects.refuse_other_model(collection, checked, self._model(collection))
            target = self._connection.client().collections.use(collection.name)

            def write(part: pa.Table) -> None:
                result = target.data.insert_many(outgoing(collection, part))
                if result.has_errors:
                    first = next(iter(result.errors.values()))
                    raise VectorStoreError(
                        f"Weaviate refused {len(result.errors)} objects of {collection.name}: {first.message}"
                    )

            if len(parts) > 1:
                with ThreadPoolExecutor(_WRITERS) as pool:
                    list(pool.map(write, parts))
            elif parts:
                write(parts[0])
        self._counts.pop(collection.name, None)
        return checked.num_rows

    def replace(self, collection: Collection, dimension: int, batches: Iterable[pa.Table]) -> int:
        self.drop(collection)
        self.ensure(collection, dimension)
        return sum(self.upsert(collection, rows) for rows in batches)

    def _model(self, collection: Collection) -> str | None:
        """The model of any object: all are by the same one."""
        target = self._connection.client().collections.use(collection.name)
        found = target.query.fetch_objects(limit=1, return_properties=[inside(objects.EMBEDDING_MODEL)]).objects
        return str(found[0].properties[inside(objects.EMBEDDING_MODEL)]) if found else None

    def delete(self, collection: Collection, ids: Sequence[str]) -> int:
        from weaviate.classes.query import Filter as By

        self._known_dimension(collection)
        distinct = list(dict.fromkeys(ids))
        deleted = 0
        with self._errors(collection):
            data = self._connection.client().collections.use(collection.name).data
            for start in range(0, len(distinct), _IDS_PER_DELETE):
                result = data.delete_many(where=By.by_id().contains_any(distinct[start : start + _IDS_PER_DELETE]))
                if result.failed:
                    raise VectorStoreError(f"Weaviate could not delete {result.failed} objects of {collection.name}.")
                deleted += result.successful
        self._counts.pop(collection.name, None)
        return deleted

    def ids(self, collection: Collection) -> Iterator[str]:
        for batch in self.scan(collection, [objects.ID], batch_size=_MOST_RESULTS):
            yield from batch.column(0).to_pylist()

    def count(self, collection: Collection, where: Filter | None = None) -> int:
        self._known_dimension(collection)
        checked = objects.check_filter(collection, where)
        if matches_nothing(checked):
            return 0
        with self._errors(collection):
            target = self._connection.client().collections.use(collection.name)
            found = target.aggregate.over_all(filters=weaviate_filter(collection, checked), total_count=True)
        return found.total_count or 0

    def scan(
        self,
        collection: Collection,
        columns: Sequence[str] | None = None,
        where: Filter | None = None,
        batch_size: int = 1000,
    ) -> Iterator[pa.RecordBatch]:
        names = objects.names_of(collection, columns, vector=True)
        dimension = self._known_dimension(collection)
        checked = objects.check_filter(collection, where)
        if matches_nothing(checked):
            return
        schema = objects.schema_of(collection, dimension)
        with self._errors(collection):
            for page in self._pages(collection, names, checked, min(batch_size, _ONE_PAGE)):
                table = incoming(collection, schema, page, names)
                yield from table.to_batches(max_chunksize=batch_size)

    def _pages(self, collection: Collection, names: list[str], where: Filter | None, size: int) -> Iterator[list[Any]]:
        """The objects, a page at a time, by Weaviate's cursor, which takes no filter: matches are asked for by id.

        Where objects are so large that a message of gRPC cannot hold a page of them, pages get smaller.
        """
        from weaviate.classes.query import Filter as By

        query = self._connection.client().collections.use(collection.name).query
        options: dict[str, Any] = {"include_vector": objects.VECTOR in names, "return_properties": asked(names)}
        by: Any = weaviate_filter(collection, where)
        if by is not None and self.count(collection, where) <= _ONE_PAGE:
            page = unless_too_large(query.fetch_objects, limit=_MOST_RESULTS, filters=by, **options)
            if page is not None:
                yield page
                return
        after = _START
        while True:
            asking: dict[str, Any] = {"after": after}
            seen = None
            if by is not None:
                seen = query.fetch_objects(limit=size, after=after, return_properties=[]).objects
                asking = {"filters": By.by_id().contains_any([o.uuid for o in seen]) & by} if seen else asking
            page = unless_too_large(query.fetch_objects, limit=size, **asking, **options)
            if page is None:
                if size == 1:
                    raise VectorStoreError(
                        f"An object of {collection.name} is larger than one message of Weaviate's gRPC: "
                        "raise GRPC_MAX_MESSAGE_SIZE of the server."
                    )
                size = max(1, size // 4)
                continue
            seen = page if by is None else seen
            if not seen:
                return
            yield page
            after = seen[-1].uuid

    def near(
        self,
        collection: Collection,
        vector: np.ndarray,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        names = objects.names_of(collection, columns, vector=False)
        dimension = self._known_dimension(collection)
        query = objects.check_query(collection, dimension, vector, k)
        values = query.tolist()
        by = self._exact(collection, objects.check_filter(collection, where))

        def ask(target: Any, limit: int, options: dict[str, Any]) -> Any:
            return target.query.near_vector(values, limit=limit, filters=by, **options)

        fetched = list(dict.fromkeys([objects.ID, objects.VECTOR, *names]))
        fetch = self._fetch(collection, dimension, k, where, fetched, ask)
        with self._errors(collection):
            return ranking.nearest(fetch, query, k, names)

    def _exact(self, collection: Collection, where: Filter | None) -> Any:
        """The filter that makes Weaviate compare every vector while there are few of them.

        Below `flat_search_cutoff` matches it computes a filtered search by brute force; without a
        filter it walks the graph (recall 0.989 at 12,638 random vectors, ef 512). So a filter that
        everything matches gives the exact answer, and is left out where it would be slow.
        """
        if where is not None:
            return weaviate_filter(collection, where)
        seen, count = self._counts.get(collection.name, (0.0, 0))
        if time.monotonic() - seen > _COUNT_AGE_SECONDS:
            count = self.count(collection)
            self._counts[collection.name] = (time.monotonic(), count)
        return everything() if count < EXACT_UP_TO else None

    def keyword(
        self,
        collection: Collection,
        query: str,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        from weaviate.classes.query import MetadataQuery

        objects.check_k(k)
        names = objects.names_of(collection, columns, vector=False)
        dimension = self._known_dimension(collection)
        by = weaviate_filter(collection, objects.check_filter(collection, where))
        words = any(c.isalnum() for c in query)
        metadata = MetadataQuery(score=True)
        text = [inside(collection.text)]

        def ask(target: Any, limit: int, options: dict[str, Any]) -> Any:
            return target.query.bm25(
                query, query_properties=text, limit=limit, filters=by, return_metadata=metadata, **options
            )

        fetched = list(dict.fromkeys([objects.ID, *names]))
        fetch = self._fetch(collection, dimension, k, where if words else In(objects.ID, ()), fetched, ask)
        with self._errors(collection):
            return ranking.best(fetch, k, names, "_score")

    def _fetch(
        self,
        collection: Collection,
        dimension: int,
        k: int,
        where: Filter | None,
        names: list[str],
        ask: Callable[[Any, int, dict[str, Any]], Any],
    ) -> Callable[[int], pa.Table]:
        if k > _MOST_RESULTS:
            raise VectorStoreError(f"Weaviate answers at most {_MOST_RESULTS} objects and k is {k}: use scan.")
        nothing = matches_nothing(where)
        schema = objects.schema_of(collection, dimension)
        options: dict[str, Any] = {"include_vector": objects.VECTOR in names, "return_properties": asked(names)}

        def fetch(limit: int) -> pa.Table:
            target = self._connection.client().collections.use(collection.name)
            found = [] if nothing else ask(target, min(limit, _MOST_RESULTS), options).objects
            scores = pa.array([o.metadata.score or 0.0 for o in found], pa.float64())
            return incoming(collection, schema, found, names).append_column("_score", scores)

        return fetch

    def maintain(self, collection: Collection) -> None:
        """Nothing: Weaviate compacts and indexes on its own."""

    def drop(self, collection: Collection) -> None:
        self._dimensions.pop(collection.name, None)
        self._counts.pop(collection.name, None)
        with self._errors(collection):
            self._connection.client().collections.delete(collection.name)

    def backup(self, backup_id: str, collections: Sequence[Collection], backend: str = "filesystem") -> None:
        """Weaviate's own backup, on the server's `backend` (filesystem, s3, gcs, azure); waits for its end."""
        with self._connection.errors(None):
            self._connection.client().backup.create(
                backup_id=backup_id,
                backend=backend,  # pyright: ignore[reportArgumentType]
                include_collections=[c.name for c in collections],
                wait_for_completion=True,
            )

    def restore_backup(
        self, backup_id: str, collections: Sequence[Collection], backend: str = "filesystem"
    ) -> list[str]:
        """Bring back all collections of a backup; the names. One that exists is an error, drop it first."""
        there = [c.name for c in collections if self.exists(c)]
        if there:
            raise VectorStoreError(f"Weaviate restores no collection that exists: drop {', '.join(there)} first.")
        self._dimensions.clear()
        self._counts.clear()
        with self._connection.errors(None):
            result = self._connection.client().backup.restore(
                backup_id=backup_id,
                backend=backend,  # pyright: ignore[reportArgumentType]
                wait_for_completion=True,
            )
        return list(result.collections)

    def close(self) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def _errors(self, collection: Collection) -> Iterator[None]:
        """As the connection's; what was known of a collection that may have changed is forgotten."""
        try:
            with self._connection.errors(collection):
                yield
        except VectorStoreError:
            self._dimensions.pop(collection.name, None)
            self._counts.pop(collection.name, None)
            raise

    def _known_dimension(self, collection: Collection) -> int:
        return self._dimensions.get(collection.name) or self._read_dimension(collection)

    def _read_dimension(self, collection: Collection) -> int:
        self._dimensions.pop(collection.name, None)
        with self._errors(collection):
            config = self._connection.client().collections.use(collection.name).config.get()
        self._dimensions[collection.name] = dimension_of(collection, config)
        return self._dimensions[collection.name]
