"""What became of each recording, kept at once: a crash loses at most the call that is being transcribed.

One SQLite file under the project's home, by the recording's MD5 and the transcriber's name. It also
remembers the broken ones, so that they are not decoded again in every run. A file that cannot be read is
set aside: CALL_TRANSCRIPTS has what was heard.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

from customer_analytics.resources.renewable_file import RenewableFile
from customer_analytics.resources.transcriber.pool import Outcome

_COLUMNS = "content_md5, transcriber, transcript, duration_seconds, reason, transcribed_at"
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS outcomes (content_md5 TEXT NOT NULL, transcriber TEXT NOT NULL,"
    " transcript TEXT, duration_seconds REAL, reason TEXT, transcribed_at TEXT NOT NULL,"
    " PRIMARY KEY (content_md5, transcriber))"
)


class Journal:
    """Outcomes by content and transcriber. Safe between processes; what was kept is on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = RenewableFile(path, _SCHEMA, f"SELECT {_COLUMNS} FROM outcomes LIMIT 1", "The journal of calls")

    def known(self, transcriber: str) -> dict[str, tuple[Outcome, dt.datetime]]:
        """Every outcome by this transcriber, by the recording's MD5, with the time (UTC) of it."""
        rows = self._file.do(
            lambda db: db.execute(f"SELECT {_COLUMNS} FROM outcomes WHERE transcriber = ?", [transcriber]).fetchall()
        )
        return {
            md5: (Outcome(transcript, seconds, reason), dt.datetime.fromisoformat(at))
            for md5, _, transcript, seconds, reason, at in rows
        }

    def keep(self, content_md5: str, transcriber: str, outcome: Outcome, transcribed_at: dt.datetime) -> None:
        row = (
            content_md5,
            transcriber,
            outcome.transcript,
            outcome.duration_seconds,
            outcome.reason,
            transcribed_at.isoformat(),
        )
        self._file.do(lambda db: _insert(db, row))


def _insert(db: sqlite3.Connection, row: tuple) -> None:
    db.execute("INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", row)
    db.commit()
