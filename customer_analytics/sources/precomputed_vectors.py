"""Vectors that come with the sources: `vectors/<Collection>.parquet` at SOURCE_URI, as `vectors snapshot` writes them.

What they cover is not embedded again: they go into the cache of embeddings, where every collection finds them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from customer_analytics.addresses import showable, without_credentials
from customer_analytics.resources.embedder.cache import UNIT_LENGTH_TOLERANCE, CachedEmbedder
from customer_analytics.resources.vector_store.identity import content_hash
from customer_analytics.sources import SourceError, SourceUnreachable
from customer_analytics.tables import Collection

FOLDER = "vectors"


@dataclass(frozen=True)
class Snapshot:
    """One file of vectors, after its rows went into the cache."""

    shown: str
    rows: int
    usable: int
    """Rows by the embedding model in use. The others are left alone: models never mix."""
    fingerprint: str
    """Of the file's content."""


def load(uri: str, collection: Collection, embedder: CachedEmbedder) -> Snapshot | None:
    """Put the vectors of the collection's file into the embedder's cache; None where there is no such file.

    SourceError when it is no snapshot of this collection, holds vectors that the model cannot have made
    (another dimension, not finite, not of unit length), or texts other than those that were embedded, where it
    says by `content_hash` which these were.
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
            _refuse_other_types(parquet.schema_arrow, collection, shown)
            hashes = {"content_hash"} & set(parquet.schema_arrow.names)
            for batch in parquet.iter_batches(5_000, columns=[*wanted, *hashes]):
                rows += batch.num_rows
                usable += _keep(batch, collection, embedder, shown)
        except pa.ArrowException as error:
            raise SourceError(f"{shown} is not a whole Parquet file: write it by `vectors snapshot`") from error
    return Snapshot(shown, rows, usable, fingerprint)


def _refuse_other_types(schema: Any, collection: Collection, shown: str) -> None:
    import pyarrow as pa

    def is_text(type_: Any) -> bool:
        return pa.types.is_string(type_) or pa.types.is_large_string(type_)

    def is_vector(type_: Any) -> bool:
        lists = pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
        return lists and pa.types.is_floating(type_.value_type)

    for name, fits in ((collection.text, is_text), ("embedding_model", is_text), ("vector", is_vector)):
        if not fits(schema.field(name).type):
            raise SourceError(
                f"{shown} has {name} as {schema.field(name).type}, where texts and lists of floats should be: "
                "write it by `vectors snapshot`"
            )


def _keep(batch: Any, collection: Collection, embedder: CachedEmbedder, shown: str) -> int:
    """Put the rows of the model in use into the cache; how many."""
    import pyarrow as pa
    import pyarrow.compute as pc

    own = pa.Table.from_batches([batch])
    own = own.filter(pc.equal(own.column("embedding_model"), embedder.model))  # pyright: ignore[reportAttributeAccessIssue]
    own = own.filter(pc.is_valid(own.column(collection.text)))  # pyright: ignore[reportAttributeAccessIssue]
    texts = own.column(collection.text).to_pylist()
    if "content_hash" in own.column_names:
        hashes = own.column("content_hash").to_pylist()
        if changed := next((t for t, h in zip(texts, hashes, strict=True) if content_hash(t) != h), None):
            raise SourceError(
                f"{shown} was changed after it was written: its content_hash is not that of the text {changed[:40]!r}; "
                "write it again by `vectors snapshot`"
            )
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
    if not (np.abs(lengths - 1) <= UNIT_LENGTH_TOLERANCE).all():
        raise SourceError(f"{shown} holds vectors that are not of unit length: write it again by `vectors snapshot`")
    embedder.keep(texts, matrix, whole=collection.read_whole)
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
        with filesystem.open(path, "rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            yield shown, fingerprint, file
    except (OSError, ImportError) as error:
        raise SourceUnreachable(
            f"{shown} cannot be read ({type(error).__name__}): check the access to it"
        ) from showable(error, uri)
