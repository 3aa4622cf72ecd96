"""What became of each recording, kept at once: a crash loses at most the call that is being transcribed.

One SQLite file under the project's home, by the recording's MD5 and the transcriber's name. It also
remembers the broken ones, so that they are not decoded again in every run.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from customer_analytics.resources.transcriber.pool import Outcome


class Journal:
    """Outcomes by content and transcriber. Safe between processes; what was kept is on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def known(self, transcriber: str) -> dict[str, tuple[Outcome, dt.datetime]]:
        """Every outcome by this transcriber, by the recording's MD5, with the time (UTC) of it."""
        with self._connection() as db:
            rows = db.execute(
                "SELECT content_md5, transcript, duration_seconds, reason, transcribed_at FROM outcomes"
                " WHERE transcriber = ?",
                [transcriber],
            ).fetchall()
        return {
            md5: (Outcome(transcript, seconds, reason), dt.datetime.fromisoformat(at))
            for md5, transcript, seconds, reason, at in rows
        }

    def keep(self, content_md5: str, transcriber: str, outcome: Outcome, transcribed_at: dt.datetime) -> None:
        with self._connection() as db:
            db.execute(
                "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)",
                [
                    content_md5,
                    transcriber,
                    outcome.transcript,
                    outcome.duration_seconds,
                    outcome.reason,
                    transcribed_at.isoformat(),
                ],
            )
            db.commit()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=60)
        try:
            db.execute(
                "CREATE TABLE IF NOT EXISTS outcomes (content_md5 TEXT NOT NULL, transcriber TEXT NOT NULL,"
                " transcript TEXT, duration_seconds REAL, reason TEXT, transcribed_at TEXT NOT NULL,"
                " PRIMARY KEY (content_md5, transcriber))"
            )
            yield db
        finally:
            db.close()
