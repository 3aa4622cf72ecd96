"""A collection with the champion's scores, streamed: each row scored once per champion."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customer_analytics.defs.sentiment.training import matrix, wrong_embeddings
from customer_analytics.resources.vector_store import VectorStore
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.sentiment.drift import BINS, histogram
from customer_analytics.sentiment.training_set import text_keys
from customer_analytics.tables import Collection, Table

if TYPE_CHECKING:
    import pyarrow as pa

    from customer_analytics.resources.model_registry import ModelVersion

BATCH_ROWS = 4000
"""Words are cut to pieces once per batch, so larger is faster; so many vectors of 384 numbers are 6 MB."""


class WrongEmbeddings(Exception):
    """The champion was trained on other embeddings than the collection's."""


@dataclass
class Tally:
    """What one scoring did; filled while the rows stream by."""

    scored: int = 0
    kept: int = 0
    in_training: int = 0
    bins: list[int] = field(default_factory=lambda: [0] * BINS)


@dataclass(frozen=True)
class EarlierScores:
    """Scores that the same champion gave before: 16 bytes an object, so that millions fit."""

    keys: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    """`_object_keys`, sorted"""
    sentiment: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, keys: np.ndarray, sentiment: np.ndarray) -> EarlierScores:
        order = np.argsort(keys)
        return cls(keys[order], sentiment[order])

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of these objects, text unchanged, were scored before, and the scores of those."""
        if not len(self.keys):
            return np.zeros(len(keys), bool), np.zeros(0)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        same = self.keys[at] == keys
        return same, self.sentiment[at[same]]


def earlier_scores(warehouse: Warehouse, table: Table, version: str) -> EarlierScores:
    """What `table` holds from this version of the model; nothing where the table is not there."""
    from snowflake.snowpark.exceptions import SnowparkSQLException

    query = f"SELECT ID, CONTENT_HASH, SENTIMENT FROM {table.name} WHERE MODEL_VERSION = ?"
    try:
        parts = [
            (_object_keys(part["ID"], part["CONTENT_HASH"]), part["SENTIMENT"].to_numpy(float))
            for part in warehouse.session().sql(query, params=[version]).to_pandas_batches()
        ]
    except SnowparkSQLException as error:
        if error.sql_error_code in (2003, 904):  # no such table, or one from before these columns
            return EarlierScores()
        raise
    if not parts:
        return EarlierScores()
    return EarlierScores.of(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _object_keys(ids: Iterable[str], content_hashes: Iterable[str]) -> np.ndarray:
    """64 bits for each object and its text."""
    digests = (
        hashlib.blake2b(f"{id_}{hash_}".encode(), digest_size=8).digest()
        for id_, hash_ in zip(ids, content_hashes, strict=True)
    )
    return np.frombuffer(b"".join(digests), np.uint64)


def fingerprint(store: VectorStore, collection: Collection, version: str) -> str:
    """Changes with the champion, and with any object's id or text; not with their order."""
    total, rows = 0, 0
    for batch in store.scan(collection, ["id", "content_hash"]) if store.exists(collection) else ():
        for id_, hash_ in zip(batch.column("id").to_pylist(), batch.column("content_hash").to_pylist(), strict=True):
            total += int.from_bytes(hashlib.blake2b(f"{id_}{hash_}".encode(), digest_size=16).digest(), "big")
            rows += 1
    return hashlib.sha256(f"{version}|{rows}|{total % 2**128:x}".encode()).hexdigest()[:32]


def scored_rows(
    store: VectorStore,
    collection: Collection,
    table: Table,
    model: Any,
    champion: ModelVersion | None,
    earlier: EarlierScores,
    tally: Tally,
) -> pa.RecordBatchReader:
    """Every object of the collection as a row of `table`; none where there is no champion.

    A text of the champion's training set gets the score that a model gave it which had not seen it.
    Raises `WrongEmbeddings` while it streams.
    """
    import pyarrow as pa

    from customer_analytics.resources.vector_store.rows import property_type

    types = {"in_training": pa.bool_(), "sentiment": pa.float64()}
    properties = {c.name: property_type(c) for c in collection.properties}
    schema = pa.schema(
        [(c.name.upper(), properties.get(c.name, types.get(c.name, pa.string()))) for c in table.columns]
    )
    return pa.RecordBatchReader.from_batches(
        schema, _batches(schema, store, collection, model, champion, earlier, tally)
    )


def spooled(rows: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows from a file without a name: all of them are made, and few are in memory at a time."""
    import tempfile

    import pyarrow as pa

    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the reader that is returned
    with pa.ipc.new_stream(file, rows.schema) as writer:
        for batch in rows:
            writer.write_batch(batch)
    file.seek(0)
    return pa.ipc.open_stream(file)


def _batches(
    schema: pa.Schema,
    store: VectorStore,
    collection: Collection,
    model: Any,
    champion: ModelVersion | None,
    earlier: EarlierScores,
    tally: Tally,
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    if champion is None or not store.exists(collection):
        return
    for batch in store.scan(collection, batch_size=BATCH_ROWS, columns=_columns(collection)):
        for embedding_model in set(batch.column("embedding_model").to_pylist()):
            if (refusal := wrong_embeddings(champion, embedding_model)) is not None:
                raise WrongEmbeddings(refusal)
        known, sentiment = _score(batch, collection, model, earlier, tally)
        tally.in_training += int(known.sum())
        tally.bins = [a + b for a, b in zip(tally.bins, histogram(sentiment), strict=True)]
        made = {
            "IN_TRAINING": pa.array(known),
            "SENTIMENT": pa.array(sentiment),
            "MODEL_VERSION": pa.array([champion.version] * batch.num_rows),
        }
        given = {name.upper(): batch.column(name) for name in batch.schema.names}
        yield pa.RecordBatch.from_arrays([(made | given)[f.name].cast(f.type) for f in schema], schema=schema)


def _columns(collection: Collection) -> list[str]:
    return ["id", "content_hash", "embedding_model", "vector", *(c.name for c in collection.properties)]


def _score(
    batch: pa.RecordBatch, collection: Collection, model: Any, earlier: EarlierScores, tally: Tally
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each row's text stands in the training set, and its sentiment: kept, out of fold, or new."""
    said = batch.column(collection.text).to_pylist()
    texts = np.array(said, object)
    known, sentiment = model.recall(text_keys(said))
    same, before = earlier.find(_object_keys(batch.column("id").to_pylist(), batch.column("content_hash").to_pylist()))
    sentiment[same] = before
    new = ~same & ~known
    if new.any():
        sentiment[new] = model.positive(texts[new], matrix(batch)[new])
    tally.kept += int(same.sum())
    tally.scored += int((~same).sum())
    return known, sentiment
