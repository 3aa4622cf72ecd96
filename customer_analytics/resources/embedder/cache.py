"""Vectors by content: a text that was embedded once by a model is not embedded again, whoever asks.

One SQLite file under the project's home. Several processes may use it at once; a crash loses at most
the batch at work; a file that cannot be read is set aside, since everything in it can be computed anew.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from customer_analytics.resources.embedder import Embedder, refuse_blank

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
logger = logging.getLogger(__name__)

MAX_BYTES = 4 * 2**30
"""The file grows to this at most (about 2.4 million vectors of 384), then the longest unused go."""
BATCH_TEXTS = 256
"""Texts embedded between two commits: what a crash can lose."""
_DAY = 86_400
_NOT_A_DATABASE = ("malformed", "not a database", "no such column", "no such table")


class EmbeddingCache:
    """Vectors by model and SHA-256 of the text. Safe between threads and processes; each call has a connection."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def get(self, model: str, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors of those texts that are known, by text."""
        by_hash = {_hash(text): text for text in texts}
        return self._on_database(lambda db: self._get(db, model, by_hash))

    def _get(self, db: sqlite3.Connection, model: str, by_hash: dict[bytes, str]) -> dict[str, np.ndarray]:
        import numpy as np

        found: dict[str, np.ndarray] = {}
        today = int(time.time()) // _DAY
        for some in _chunks(list(by_hash), 500):
            marks = ",".join("?" * len(some))
            where = f"model = ? AND hash IN ({marks})"
            rows = db.execute(f"SELECT hash, vector, used FROM vectors WHERE {where}", [model, *some]).fetchall()
            found |= {by_hash[digest]: np.frombuffer(blob, "<f4") for digest, blob, _ in rows}
            # Once a day is enough to know what is no longer used, and spares a write per read.
            stale = [digest for digest, _, used in rows if used < today]
            if stale:
                marks = ",".join("?" * len(stale))
                where = f"model = ? AND hash IN ({marks})"
                db.execute(f"UPDATE vectors SET used = ? WHERE {where}", [today, model, *stale])
                db.commit()
        return found

    def put(self, model: str, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Keep the vectors; they are on disk when this returns. A text that is there already keeps its vector."""
        today = int(time.time()) // _DAY
        rows = [
            (model, _hash(text), vector.astype("<f4").tobytes(), today)
            for text, vector in zip(texts, vectors, strict=True)
        ]
        self._on_database(lambda db: self._put(db, rows))

    def _put(self, db: sqlite3.Connection, rows: list[tuple[str, bytes, bytes, int]]) -> None:
        db.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)", rows)
        db.commit()
        self._shrink(db)

    def __len__(self) -> int:
        return self._on_database(lambda db: db.execute("SELECT count(*) FROM vectors").fetchone()[0])

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

    def _on_database(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Do it on the file; where that turns out to be damaged, on a new one."""
        try:
            with closing(self._open()) as db:
                return action(db)
        except sqlite3.DatabaseError as error:
            if not any(words in str(error) for words in _NOT_A_DATABASE):
                raise
            self._set_aside(error)
        with closing(self._open()) as db:
            return action(db)

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self.path.with_name(f"{self.path.name}.broken-{time.time_ns()}")
        logger.warning("The cache of embeddings %s cannot be read (%s): moved to %s", self.path, error, aside.name)
        with suppress(FileNotFoundError):  # another process was faster
            self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=60)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS vectors"
                " (model TEXT NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL, used INTEGER NOT NULL,"
                " UNIQUE (model, hash))"
            )
            db.execute("SELECT model, hash, vector, used FROM vectors LIMIT 1").fetchone()
        except BaseException:
            db.close()
            raise
        return db


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
        known = {
            text: vector
            for text, vector in self.cache.get(self.model, distinct).items()
            if vector.shape == (self.dimension,)
        }
        # Longest first, so that a batch holds texts of similar length and padding is small.
        missing = sorted((t for t in distinct if t not in known), key=len, reverse=True)
        for some in _chunks(missing, BATCH_TEXTS):
            if progress:
                progress(len(known))
            vectors = self.inner.embed(some)
            self.cache.put(self.model, some, vectors)
            self.computed += len(some)
            known |= dict(zip(some, vectors, strict=True))
        if progress:
            progress(len(known))
        result = np.empty((len(texts), self.dimension), np.float32)
        for i, text in enumerate(texts):
            result[i] = known[text]
        return result


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _chunks(items: Sequence, size: int) -> Iterable[Sequence]:
    return (items[i : i + size] for i in range(0, len(items), size))
