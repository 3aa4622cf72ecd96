"""Vectors that come with the sources: `vectors/<Collection>.parquet` at SOURCE_URI, as `vectors snapshot` writes them.

What they cover is not embedded again: they go into the cache of embeddings, where every collection finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from customer_analytics.addresses import showable, without_credentials
from customer_analytics.resources.embedder.cache import CachedEmbedder
from customer_analytics.sources import SourceError, SourceUnreachable
from customer_analytics.tables import Collection

FOLDER = "vectors"
_UNIT_LENGTH_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Snapshot:
    """One file of vectors, after its rows went into the cache."""

    shown: str
    rows: int
    usable: int
    """Rows by the embedding model in use. The others are left alone: models never mix."""
    fingerprint: str
    """Of the file, as its file system tells: size and time, or an ETag."""


def load(uri: str, collection: Collection, embedder: CachedEmbedder) -> Snapshot | None:
    """Put the vectors of the collection's file into the embedder's cache; None where there is no such file.

    SourceError when it is no snapshot of this collection, or holds vectors that the model cannot have made
    (another dimension, not finite, not of unit length).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(uri, collection) as found:
        if found is None:
            return None
        shown, fingerprint, file = found
        rows = usable = 0
        try:
            parquet = pq.ParquetFile(file)
            wanted = [collection.text, "vector", "embedding_model"]
            missing = set(wanted) - set(parquet.schema_arrow.names)
            if missing:
                raise SourceError(f"{shown} has no column {', '.join(sorted(missing))}: write it by `vectors snapshot`")
            for batch in parquet.iter_batches(5_000, columns=wanted):
                rows += batch.num_rows
                usable += _keep(batch, collection, embedder, shown)
        except pa.ArrowException as error:
            raise SourceError(f"{shown} is not a whole Parquet file: write it by `vectors snapshot`") from error
    return Snapshot(shown, rows, usable, fingerprint)


def _keep(batch: Any, collection: Collection, embedder: CachedEmbedder, shown: str) -> int:
    """Put the rows of the model in use into the cache; how many."""
    import pyarrow as pa
    import pyarrow.compute as pc

    own = pa.Table.from_batches([batch])
    own = own.filter(pc.equal(own.column("embedding_model"), embedder.model))  # pyright: ignore[reportAttributeAccessIssue]
    own = own.filter(pc.is_valid(own.column(collection.text)))  # pyright: ignore[reportAttributeAccessIssue]
    vectors = own.column("vector").to_pylist()
    sizes = {len(v) if v is not None else 0 for v in vectors}
    if sizes - {embedder.dimension}:
        raise SourceError(
            f"{shown} holds vectors of {min(sizes - {embedder.dimension})} dimensions by {embedder.model},"
            f" which has {embedder.dimension}: write it again by `vectors snapshot`"
        )
    if not vectors:
        return 0
    matrix = np.array(vectors, np.float32)
    lengths = np.linalg.norm(matrix, axis=1)
    if not (np.abs(lengths - 1) <= _UNIT_LENGTH_TOLERANCE).all():
        raise SourceError(f"{shown} holds vectors that are not of unit length: write it again by `vectors snapshot`")
    embedder.cache.put(embedder.model, own.column(collection.text).to_pylist(), matrix)
    return len(matrix)


@contextmanager
def _opened(uri: str, collection: Collection) -> Iterator[tuple[str, str, Any] | None]:
    from fsspec.core import url_to_fs

    name = f"{FOLDER}/{collection.name}.parquet"
    shown = f"{without_credentials(uri).rstrip('/')}/{name}"
    try:
        filesystem, root = url_to_fs(uri)
        path = f"{root.rstrip('/')}/{name}"
        if not filesystem.isfile(path):
            yield None
            return
        fingerprint = str(filesystem.ukey(path))
        with filesystem.open(path, "rb") as file:
            yield shown, fingerprint, file
    except (OSError, ImportError) as error:
        raise SourceUnreachable(
            f"{shown} cannot be read ({type(error).__name__}): check the access to it"
        ) from showable(error, uri)
