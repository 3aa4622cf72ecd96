"""Snapshots: collections as portable Parquet, from any store into any store, with no embedding anew."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from customer_analytics.addresses import without_credentials
from customer_analytics.resources.vector_store import rows
from customer_analytics.resources.vector_store.identity import content_hash, object_ids
from customer_analytics.resources.vector_store.protocol import VectorStore, VectorStoreError
from customer_analytics.tables import COLLECTIONS, Collection

if TYPE_CHECKING:
    from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore

_BATCH = 1000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Snapshot:
    """One `<Collection>.parquet`, looked at but not read: id, vector, content_hash, embedding_model, properties."""

    path: str | Path
    """A path or any fsspec URI."""
    collection: Collection
    model: str | None
    """The one embedding model of all its vectors; None when it is empty."""
    dimension: int
    count: int

    def batches(self, columns: Sequence[str] | None = None, batch_size: int = _BATCH) -> Iterator[pa.RecordBatch]:
        """Its rows in batches, in bounded memory."""
        with _read(self.path) as file:
            yield from file.iter_batches(batch_size, columns=None if columns is None else list(columns))


def snapshot(
    store: VectorStore,
    folder: str | Path,
    collections: Sequence[Collection] = COLLECTIONS,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Write each collection that exists to `folder`/<Collection>.parquet; the objects of each.

    `folder` is a path or any fsspec URI. A file appears whole or not at all: an earlier one stays until
    the new one is complete. `progress(collection, done, total)` is called after each batch.
    """
    written: dict[str, int] = {}
    for collection in collections:
        if not store.exists(collection):
            continue
        schema = rows.schema_of(collection, store.dimension(collection))
        total, done = store.count(collection), 0
        with (
            _whole(folder, f"{collection.name}.parquet") as part,
            pq.ParquetWriter(part, schema, compression="zstd") as writer,
        ):
            for batch in store.scan(collection, batch_size=_BATCH):
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))
                done += batch.num_rows
                if progress:
                    progress(collection.name, done, total)
        written[collection.name] = done
    return written


def open_snapshot(path: str | Path, collection: Collection) -> Snapshot:
    """Look at a snapshot's schema and models; a file that is no snapshot of the collection raises VectorStoreError."""
    shown = _shown(path)
    with _read(path) as file:
        schema, count = file.schema_arrow, file.metadata.num_rows
        dimension = _dimension(shown, schema)
        wanted = set(rows.schema_of(collection, dimension).names)
        if set(schema.names) != wanted:
            raise VectorStoreError(
                f"{shown} is no snapshot of {collection.name}: it has the columns {', '.join(schema.names)} and "
                f"should have {', '.join(sorted(wanted))}."
            )
        models: set[str] = set()
        for batch in file.iter_batches(65_536, columns=[rows.EMBEDDING_MODEL]):
            models |= {str(m) for m in pc.unique(batch.column(0)).to_pylist()}  # pyright: ignore[reportAttributeAccessIssue]
    if len(models) > 1:
        raise VectorStoreError(f"{shown} mixes the models {', '.join(sorted(models))}: take a snapshot of one.")
    return Snapshot(path, collection, next(iter(models), None), dimension, count)


def restore(
    store: VectorStore,
    folder: str | Path,
    collections: Sequence[Collection] = COLLECTIONS,
    *,
    replace: bool = False,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Fill each collection from `folder`/<Collection>.parquet where that file is; the objects of each.

    `folder` is a path or any fsspec URI. Every row of every file is checked before the store is touched.
    A collection that holds objects is replaced only when `replace` says so, as `VectorStore.replace` does it.
    Stopped half-way, call it again with `replace`.
    """
    places = [(_join(folder, f"{c.name}.parquet"), c) for c in collections]
    found = [open_snapshot(place, c) for place, c in places if _is_file(place)]
    if not found:
        names = ", ".join(f"{c.name}.parquet" for c in collections)
        raise VectorStoreError(f"{_shown(folder)} holds no snapshot: there should be {names}.")
    for snap in found:
        if not replace and store.exists(snap.collection) and (there := store.count(snap.collection)):
            raise VectorStoreError(f"{snap.collection.name} holds {there} objects: give --replace to lose them.")
        _check(snap)
    for snap in found:
        collection = snap.collection
        store.replace(collection, snap.dimension, _counted(snap, progress))
        store.maintain(collection)
        if (there := store.count(collection)) != snap.count:
            raise VectorStoreError(f"{collection.name} holds {there} of {snap.count} objects restored: try again.")
    return {snap.collection.name: snap.count for snap in found}


def _counted(snap: Snapshot, progress: Progress | None) -> Iterator[pa.Table]:
    done = 0
    for batch in snap.batches():
        yield pa.Table.from_batches([batch])
        done += batch.num_rows
        if progress:
            progress(snap.collection.name, done, snap.count)


def _dimension(shown: str, schema: pa.Schema) -> int:
    type_ = schema.field(rows.VECTOR).type if rows.VECTOR in schema.names else None
    if type_ is None or not pa.types.is_fixed_size_list(type_):
        raise VectorStoreError(f"{shown} is no snapshot: its column vector is missing or not a fixed-size list.")
    return type_.list_size


def _check(snap: Snapshot) -> None:
    """Raise unless every row may be stored, its id is that of its key, and its text that which was embedded."""
    ids: set[bytes] = set()
    for batch in snap.batches():
        table = rows.check_rows(snap.collection, snap.dimension, pa.Table.from_batches([batch]))
        own = table.column(rows.ID).to_pylist()
        texts = table.column(snap.collection.text).to_pylist()
        hashes = table.column(rows.CONTENT_HASH).to_pylist()
        for id_, key_id, text, hash_ in zip(own, object_ids(snap.collection, table), texts, hashes, strict=True):
            if id_ != key_id or text is None or content_hash(text) != hash_:
                raise VectorStoreError(
                    f"{_shown(snap.path)} was changed after it was written: object {id_} is not that of its key and "
                    "text; make the snapshot anew."
                )
        ids |= {bytes.fromhex(i.replace("-", "")) for i in own}
    if len(ids) != snap.count:
        raise VectorStoreError(
            f"{_shown(snap.path)} holds {snap.count - len(ids)} ids more than once: make the snapshot anew."
        )


# ---------------------------------------------------------------- files, wherever they are


def _shown(place: str | Path) -> str:
    return without_credentials(str(place))


def _join(folder: str | Path, name: str) -> str:
    return f"{str(folder).rstrip('/')}/{name}"


def _file_system(place: str | Path) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(str(place))
    except (ImportError, ValueError, OSError) as error:
        raise VectorStoreError(f"{_shown(place)} cannot be reached ({error}): check the address.") from error


def _is_file(place: str) -> bool:
    system, path = _file_system(place)
    try:
        return bool(system.isfile(path))
    except OSError as error:
        raise VectorStoreError(f"{_shown(place)} cannot be read ({error}): check the access to it.") from error


@contextlib.contextmanager
def _read(place: str | Path) -> Iterator[pq.ParquetFile]:
    system, path = _file_system(place)
    try:
        with system.open(path, "rb") as content, pq.ParquetFile(content) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise VectorStoreError(f"{_shown(place)} cannot be read as a snapshot: {str(error).rstrip('.')}.") from error


@contextlib.contextmanager
def _whole(folder: str | Path, name: str) -> Iterator[Path]:
    """A local path to write to: what stands there at the end of the block becomes `folder`/`name`, at once."""
    from fsspec.implementations.local import LocalFileSystem

    system, root = _file_system(folder)
    try:
        system.makedirs(root, exist_ok=True)
        if isinstance(system, LocalFileSystem):
            part = Path(root) / f".{name}.{os.getpid()}"
            try:
                yield part
                part.replace(Path(root) / name)
            finally:
                part.unlink(missing_ok=True)
        else:
            # Object stores show a file once it is there whole.
            with tempfile.TemporaryDirectory(prefix="vectors-") as here:
                part = Path(here) / name
                yield part
                system.put_file(str(part), f"{root.rstrip('/')}/{name}")
    except OSError as error:
        raise VectorStoreError(f"{name} cannot be written to {_shown(folder)}: {error}.") from error


def backup(store: VectorStore, backup_id: str, backend: str = "filesystem") -> list[str]:
    """Weaviate's own backup of the collections that exist; their names. LanceDB has none: it raises."""
    there = [c for c in COLLECTIONS if store.exists(c)]
    if not there:
        raise VectorStoreError("There is no vector collection yet: run the pipeline first, or restore a snapshot.")
    _weaviate(store).backup(backup_id, there, backend)
    return [c.name for c in there]


def restore_backup(store: VectorStore, backup_id: str, backend: str = "filesystem") -> list[str]:
    """Bring back the collections of Weaviate's own backup; their names. None of them may exist."""
    return _weaviate(store).restore_backup(backup_id, COLLECTIONS, backend)


def _weaviate(store: VectorStore) -> WeaviateVectorStore:
    from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore

    if not isinstance(store, WeaviateVectorStore):
        raise VectorStoreError(f"{store.name} has no backup of its own: use vectors snapshot and vectors restore.")
    return store
