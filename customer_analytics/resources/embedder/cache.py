"""Vectors by content: a text that was embedded once by a model is not embedded again, whoever asks.

One SQLite file under the project's home. Several processes may use it at once; a crash loses at most
the batch at work; a file that cannot be read is set aside, since everything in it can be computed anew.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from customer_analytics.resources.embedder import Embedder, refuse_blank
from customer_analytics.resources.embedder.windows import average
from customer_analytics.resources.renewable_file import RenewableFile

if TYPE_CHECKING:
    import numpy as np

MAX_BYTES = 4 * 2**30
"""The file grows to this at most (about 2.4 million vectors of 384), then the longest unused go."""
BATCH_TEXTS = 1024
"""Texts embedded between two commits: what a crash can lose. Cores wait for each other at the end of each."""
UNIT_LENGTH_TOLERANCE = 1e-3
_DAY = 86_400
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS vectors"
    " (model TEXT NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL, used INTEGER NOT NULL, UNIQUE (model, hash))"
)
_PROBE = "SELECT model, hash, vector, used FROM vectors LIMIT 1"


class EmbeddingCache:
    """Vectors by model and SHA-256 of the text. Safe between threads and processes; each call has a connection."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._file = RenewableFile(path, _SCHEMA, _PROBE, "The cache of embeddings")
        self._max_bytes = max_bytes

    def get(self, model: str, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors of those texts that are known, by text."""
        by_hash = {_hash(text): text for text in texts}
        return self._file.do(lambda db: self._get(db, model, by_hash))

    def _get(self, db: sqlite3.Connection, model: str, by_hash: dict[bytes, str]) -> dict[str, np.ndarray]:
        import numpy as np

        found: dict[str, np.ndarray] = {}
        today = int(time.time()) // _DAY
        for some in _chunks(list(by_hash), 500):
            marks = ",".join("?" * len(some))
            where = f"model = ? AND hash IN ({marks})"
            rows = db.execute(f"SELECT hash, vector, used FROM vectors WHERE {where}", [model, *some]).fetchall()
            found |= {by_hash[digest]: np.frombuffer(blob, "<f4") for digest, blob, _ in rows if len(blob) % 4 == 0}
            # Once a day is enough to know what is no longer used, and spares a write per read.
            stale = [digest for digest, _, used in rows if used < today]
            if stale:
                marks = ",".join("?" * len(stale))
                where = f"model = ? AND hash IN ({marks})"
                db.execute(f"UPDATE vectors SET used = ? WHERE {where}", [today, model, *stale])
                db.commit()
        return found

    def put(self, model: str, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Keep the vectors; they are on disk when this returns. A text that is there already gets this vector."""
        today = int(time.time()) // _DAY
        rows = [
            (model, _hash(text), vector.astype("<f4").tobytes(), today)
            for text, vector in zip(texts, vectors, strict=True)
        ]
        self._file.do(lambda db: self._put(db, rows))

    def _put(self, db: sqlite3.Connection, rows: list[tuple[str, bytes, bytes, int]]) -> None:
        db.executemany(
            "INSERT INTO vectors VALUES (?, ?, ?, ?) ON CONFLICT (model, hash)"
            " DO UPDATE SET vector = excluded.vector WHERE vector <> excluded.vector",
            rows,
        )
        db.commit()
        self._shrink(db)

    def __len__(self) -> int:
        return self._file.do(lambda db: db.execute("SELECT count(*) FROM vectors").fetchone()[0])

    def _shrink(self, db: sqlite3.Connection) -> None:
        """Above the limit, drop those unused for longest, by tenths; their pages are used again."""
        while self._used_bytes(db) > self._max_bytes:
            dropped = db.execute(
                "DELETE FROM vectors WHERE rowid IN (SELECT rowid FROM vectors ORDER BY used, rowid"
                " LIMIT (SELECT 1 + count(*) / 10 FROM vectors))"
            ).rowcount
            db.commit()
            if not dropped:
                return

    @staticmethod
    def _used_bytes(db: sqlite3.Connection) -> int:
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size


class CachedEmbedder:
    """An embedder that computes only what the cache does not hold, each distinct text once."""

    def __init__(self, inner: Embedder, cache: EmbeddingCache) -> None:
        self.inner = inner
        self.cache = cache
        self.model = inner.model
        self.dimension = inner.dimension
        self.computed = 0
        """Texts that the model itself embedded since this object was made."""

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """As `Embedder.embed`; `progress` counts the distinct texts, those from the cache as done at once."""
        import numpy as np

        refuse_blank(texts)
        distinct = list(dict.fromkeys(texts))
        known = self._known(distinct)
        # Longest first, so that a batch holds texts of similar length and padding is small.
        missing = sorted((t for t in distinct if t not in known), key=len, reverse=True)
        for some in _chunks(missing, BATCH_TEXTS):
            before = len(known)
            # Another process may be embedding the same texts: what it has done meanwhile is taken.
            known |= self._known(some)
            left = [t for t in some if t not in known]
            if not left:
                continue
            vectors = self.inner.embed(left, partial(_after, progress, before) if progress else None)
            self.cache.put(self.model, left, vectors)
            self.computed += len(left)
            known |= dict(zip(left, vectors, strict=True))
        if progress:
            progress(len(known))
        result = np.empty((len(texts), self.dimension), np.float32)
        for i, text in enumerate(texts):
            result[i] = known[text]
        return result

    def embed_whole(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> np.ndarray:
        """As `embed`, but all of a long text counts: the mean of its windows' vectors, by length, as a unit vector."""
        import numpy as np

        refuse_blank(texts)
        long = {text: parts for text in dict.fromkeys(texts) if len(parts := self.inner.windows(text)) > 1}
        whole = self._known(list(long), self._whole)
        missing = {text: parts for text, parts in long.items() if text not in whole}
        owners = np.array([i for i, parts in enumerate(missing.values()) for _ in parts], np.int64)
        parts = [part for parts in missing.values() for part in parts]
        short = [text for text in texts if text not in long]
        asked, distinct = len({*parts, *short}), len(set(texts))
        vectors = self.embed(parts + short, (lambda done: progress(done * distinct // asked)) if progress else None)
        if missing:
            means = average(vectors[: len(parts)], owners, np.array([len(p) for p in parts]), len(missing))
            self.cache.put(self._whole, list(missing), means)
            whole |= dict(zip(missing, means, strict=True))
        if progress:
            progress(distinct)
        known = whole | dict(zip(short, vectors[len(parts) :], strict=True))
        return np.array([known[text] for text in texts], np.float32).reshape(-1, self.dimension)

    def keep(self, texts: Sequence[str], vectors: np.ndarray, *, whole: bool) -> None:
        """Put vectors by this model into the cache: `whole` when they are those of `embed_whole`."""
        long = [whole and len(self.inner.windows(text)) > 1 for text in texts]
        for model, chosen in ((self.model, False), (self._whole, True)):
            places = [i for i, is_long in enumerate(long) if is_long is chosen]
            if places:
                self.cache.put(model, [texts[i] for i in places], vectors[places])

    @property
    def _whole(self) -> str:
        return f"{self.model}:whole"

    def _known(self, texts: Sequence[str], model: str | None = None) -> dict[str, np.ndarray]:
        """What the cache has; a vector that this model cannot have made, as of a damaged file, does not count."""
        found = self.cache.get(model or self.model, texts).items()
        return {
            text: vector
            for text, vector in found
            if vector.shape == (self.dimension,) and abs(float(vector @ vector) - 1) <= 2 * UNIT_LENGTH_TOLERANCE
        }


def _after(progress: Callable[[int], None], before: int, done: int) -> None:
    progress(before + done)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _chunks(items: Sequence, size: int) -> Iterable[Sequence]:
    return (items[i : i + size] for i in range(0, len(items), size))
