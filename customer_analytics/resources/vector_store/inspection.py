"""What a collection holds, counted in one pass over it: for metadata and for checks."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from customer_analytics.resources.vector_store import rows
from customer_analytics.resources.vector_store.protocol import VectorStore
from customer_analytics.tables import Collection


@dataclass(frozen=True)
class Inspection:
    """The state of one collection."""

    objects: int
    repeated_ids: int
    """Objects whose id another one has too."""
    zero_vectors: int
    """Objects whose vector is zero, or not finite."""
    models: dict[str, int]
    """Objects by embedding model."""
    fingerprint: str
    """Of ids, properties and models, in any order: equal content has equal fingerprints on every store."""


def inspect(store: VectorStore, collection: Collection) -> Inspection:
    """Read the whole collection, in batches; about 100 bytes an object in memory."""
    ids: set[str] = set()
    objects = zero = total = 0
    models: Counter[str] = Counter()
    names = [rows.ID, rows.EMBEDDING_MODEL, *(c.name for c in collection.properties)]
    for batch in store.scan(collection, [*names, rows.VECTOR], batch_size=5_000):
        objects += batch.num_rows
        columns = [batch.column(name).to_pylist() for name in names]
        ids.update(columns[0])
        models.update(columns[1])
        lengths = np.linalg.norm(rows.matrix_of(batch), axis=1)
        zero += int((~(np.isfinite(lengths) & (lengths > 0))).sum())
        for row in zip(*columns, strict=True):
            total += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
    fingerprint = f"{total % 2**128:032x}"
    return Inspection(objects, objects - len(ids), zero, dict(models), fingerprint)
