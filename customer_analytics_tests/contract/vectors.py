"""Objects for the tests of vector stores: made from a seed, with brute force to compare with."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa

from customer_analytics.resources.vector_store import content_hash, object_id
from customer_analytics.resources.vector_store.rows import schema_of, vector_array
from customer_analytics.tables import BOOLEAN, DATE, FLOAT, INTEGER, TEXT, TIMESTAMP, Collection, Column

DIMENSION = 16
MODEL = "test:model"

# Names that stores change or refuse, every type, and a text searched by words.
NOTES = Collection(
    "ContractNotes",
    "One note of the contract's tests.",
    text="The Text",
    key=("NOTE_ID",),
    properties=(
        Column("NOTE_ID", INTEGER, "Note", nullable=False),
        Column("The Text", TEXT, "What was said", nullable=False),
        Column("customer_id", INTEGER, "Customer"),
        Column("said at", TIMESTAMP, "When"),
        Column("day", DATE, "Day"),
        Column("Größe", FLOAT, "A number"),
        Column("name_x", TEXT, "A text to filter by"),
        Column("flag", BOOLEAN, "Yes or no"),
    ),
)
WORDS = ("broke", "after", "a", "week", "toy", "happy", "Café", "it's", '"quoted"', "the", "plane", "wonderful")


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors that depend on the text alone."""
    rows = []
    for text in texts:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        vector = np.random.default_rng(seed).normal(size=DIMENSION)
        rows.append(vector / np.linalg.norm(vector))
    return np.array(rows, dtype=np.float32).reshape(len(rows), DIMENSION)


@cache
def source(count: int, first: int = 0) -> pa.Table:
    """Source rows of NOTES: every fourth property is NULL, texts repeat so that vectors tie."""
    names = [c.name for c in NOTES.properties]
    start = dt.datetime(2018, 1, 1, tzinfo=dt.UTC)
    awkward = ("plain", " blank ", "", 'o\'brien "x" \\', "-- ; DROP", "ünïcödé 😀", None)
    columns: list[list] = [[] for _ in names]
    for i in range(first, first + count):
        chooser = np.random.default_rng(i % max(1, count // 2 + 7))
        text = " ".join(WORDS[w] for w in chooser.integers(0, len(WORDS), 6))
        row = (
            i,
            text,
            None if i % 4 == 1 else i % 5,
            None if i % 4 == 2 else start + dt.timedelta(hours=i, microseconds=7),
            None if i % 4 == 3 else (start + dt.timedelta(days=i % 40)).date(),
            None if i % 4 == 0 else i / 3 - 10,
            awkward[i % len(awkward)],
            (True, False, None)[i % 3],
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    types = [schema_of(NOTES, DIMENSION).field(n).type for n in names]
    return pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=names)


@cache
def objects(count: int, first: int = 0, model: str = MODEL) -> pa.Table:
    """Whole objects of NOTES, as `upsert` takes them."""
    table = source(count, first)
    texts = table.column(NOTES.text).to_pylist()
    own = [
        pa.array([object_id(NOTES, [i]) for i in table.column("NOTE_ID").to_pylist()], pa.string()),
        vector_array(embed(texts)),
        pa.array([content_hash(t) for t in texts], pa.string()),
        pa.array([model] * count, pa.string()),
    ]
    return pa.Table.from_arrays(
        [*own, *(c.combine_chunks() for c in table.columns)], schema=schema_of(NOTES, DIMENSION)
    )


def with_vector(rows: pa.Table, place: int, vector: Sequence[float]) -> pa.Table:
    """The rows with another vector at one place."""
    matrix = np.array(rows.column("vector").to_pylist(), dtype=np.float32)
    matrix[place] = vector
    return rows.set_column(rows.schema.get_field_index("vector"), rows.schema.field("vector"), vector_array(matrix))


def brute_force(rows: pa.Table, query: np.ndarray, k: int) -> list[str]:
    """Ids of the k nearest, by distances in float64; what agrees to 1e-6 is ordered by id."""
    matrix = np.array(rows.column("vector").to_pylist(), dtype=np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    distances = np.round((1 - matrix @ (query / np.linalg.norm(query))) / 1e-6)
    return [id_ for _, id_ in sorted(zip(distances, rows.column("id").to_pylist(), strict=True))[:k]]
