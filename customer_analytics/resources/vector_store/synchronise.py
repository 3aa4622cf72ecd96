"""Keep a collection equal to its source, and embed only what is new or changed."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from customer_analytics.resources.vector_store import rows
from customer_analytics.resources.vector_store.identity import content_hash, object_ids
from customer_analytics.resources.vector_store.protocol import VectorStore, VectorStoreError
from customer_analytics.tables import Collection

Embed = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class SyncReport:
    """What one `sync` did, in objects."""

    total: int
    """In the collection afterwards."""
    inserted: int
    changed: int
    unchanged: int
    deleted: int
    duplicates: int
    """Source rows that equal another one; equal rows are one object."""
    rebuilt: bool
    """Whether the collection was replaced whole, because another model or dimension had made it."""


def sync(
    store: VectorStore,
    collection: Collection,
    source: pa.Table,
    embed: Embed,
    *,
    model: str,
    dimension: int,
    batch_size: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> SyncReport:
    """Make the collection hold one object for each distinct row of `source`, embedded by `model`.

    `source` has the collection's properties as columns (`rows.property_rows` brings them into type).
    New objects and those whose text, other properties or model changed are embedded and upserted,
    `batch_size` at a time; unchanged ones are not touched; those gone from the source are deleted.
    `embed` gives unit float32 vectors for texts. `progress(done, to_do)` is called after each batch.

    Two models never mix: a collection made by another model or dimension keeps its content until
    every new vector stands in a temporary file, and is then replaced.

    Two rows with one key and different content raise VectorStoreError. Stopped at any moment, the
    next call finishes the work; what was upserted is not embedded again. Beside `source` it holds
    about 300 bytes an object in memory.
    """
    properties = rows.property_rows(collection, source)
    ids = object_ids(collection, properties)
    wanted = _distinct(collection, ids, _states(collection, properties, model))
    before, other_model = _stored(store, collection, model, dimension)
    to_write = [(id_, i) for id_, (state, i) in wanted.items() if other_model or before.get(id_) != state]
    gone = [id_ for id_ in before if id_ not in wanted]

    def batches() -> Iterator[pa.Table]:
        for start in range(0, len(to_write), batch_size):
            part = to_write[start : start + batch_size]
            yield _embedded(collection, properties, part, embed, model, dimension)
            if progress:
                progress(min(start + batch_size, len(to_write)), len(to_write))

    if other_model:
        _replace(store, collection, dimension, batches())
    else:
        store.ensure(collection, dimension)
        for batch in batches():
            store.upsert(collection, batch)
        if gone:
            store.delete(collection, gone)
    if to_write or gone:
        store.maintain(collection)
    inserted = sum(id_ not in before for id_, _ in to_write)
    return SyncReport(
        total=len(wanted),
        inserted=inserted,
        changed=len(to_write) - inserted,
        unchanged=len(wanted) - len(to_write),
        deleted=len(gone),
        duplicates=len(ids) - len(wanted),
        rebuilt=other_model,
    )


def _states(collection: Collection, properties: pa.Table, model: str) -> list[bytes]:
    """For each row a digest of all that an object keeps beside its id and vector."""
    columns = [properties.column(c.name) for c in collection.properties]
    columns = [(c.cast(pa.int64()) if pa.types.is_temporal(c.type) and c.type != pa.date32() else c) for c in columns]
    values = zip(*(c.to_pylist() for c in columns), strict=True)
    return [hashlib.blake2b(json.dumps([model, *row], default=str).encode(), digest_size=16).digest() for row in values]


def _distinct(collection: Collection, ids: list[str], states: list[bytes]) -> dict[str, tuple[bytes, int]]:
    """State and place of the first row of each id; equal rows are one."""
    found: dict[str, tuple[bytes, int]] = {}
    for i, (id_, state) in enumerate(zip(ids, states, strict=True)):
        first, place = found.setdefault(id_, (state, i))
        if first != state:
            raise VectorStoreError(
                f"Rows {place + 1} and {i + 1} for {collection.name} have one key ({', '.join(collection.key)}) "
                "but different content: make the key unique in the source."
            )
    return found


def _stored(store: VectorStore, collection: Collection, model: str, dimension: int) -> tuple[dict[str, bytes], bool]:
    """The state of every stored object, and whether any was made by another model or dimension."""
    if not store.exists(collection):
        return {}, False
    names = [c.name for c in collection.properties]
    states: dict[str, bytes] = {}
    other = store.dimension(collection) != dimension
    columns = [rows.ID, rows.CONTENT_HASH, rows.EMBEDDING_MODEL, *names]
    for batch in store.scan(collection, columns, batch_size=10_000):
        models = batch.column(rows.EMBEDDING_MODEL).to_pylist()
        other = other or any(m != model for m in models)
        table = pa.Table.from_batches([batch])
        texts, hashes = batch.column(collection.text).to_pylist(), batch.column(rows.CONTENT_HASH).to_pylist()
        for id_, state, text, hash_ in zip(
            batch.column(rows.ID).to_pylist(), _states(collection, table, model), texts, hashes, strict=True
        ):
            # An object whose hash is not its text's was embedded from something else: it counts as changed.
            states[id_] = state if text is not None and content_hash(text) == hash_ else b""
    return states, other


def _embedded(
    collection: Collection,
    properties: pa.Table,
    part: list[tuple[str, int]],
    embed: Embed,
    model: str,
    dimension: int,
) -> pa.Table:
    taken = properties.take(pa.array([i for _, i in part], pa.int64()))
    texts = taken.column(collection.text).to_pylist()
    if None in texts:
        raise VectorStoreError(f"{collection.name} has a row without {collection.text}: leave it out of the source.")
    vectors = np.asarray(embed(texts), dtype=np.float32)
    if vectors.shape != (len(texts), dimension):
        raise VectorStoreError(
            f"The model {model} gave vectors of shape {vectors.shape} for {len(texts)} texts of {collection.name}, "
            f"not ({len(texts)}, {dimension}): give sync the embedder's own dimension."
        )
    own = [
        pa.array([id_ for id_, _ in part]),
        rows.vector_array(vectors),
        pa.array(map(content_hash, texts)),
        pa.array([model] * len(texts), pa.string()),
    ]
    return pa.Table.from_arrays([*own, *taken.columns], schema=rows.schema_of(collection, dimension))


def _replace(store: VectorStore, collection: Collection, dimension: int, batches: Iterator[pa.Table]) -> None:
    """Replace the whole collection, once every batch stands in a file: the old one serves until then."""
    schema = rows.schema_of(collection, dimension)
    with tempfile.TemporaryDirectory(prefix="vectors-") as folder:
        path = Path(folder) / f"{collection.name}.parquet"
        with pq.ParquetWriter(path, schema) as writer:
            for batch in batches:
                writer.write_table(rows.check_rows(collection, dimension, batch))
        with pq.ParquetFile(path) as file:
            stored = (pa.Table.from_batches([batch]).cast(schema) for batch in file.iter_batches(1000))
            store.replace(collection, dimension, stored)
