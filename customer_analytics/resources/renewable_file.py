"""An SQLite file whose content can be computed anew: one that cannot be read is set aside, and a new one begun."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)

_NOT_THIS_DATABASE = ("malformed", "not a database", "no such column", "no such table")


class RenewableFile:
    """Safe between threads and processes: each action has a connection of its own. What was committed is on disk."""

    def __init__(self, path: Path, schema: str, probe: str, what: str) -> None:
        """`schema` makes its table where it is missing, `probe` fails on a file with another one; `what` names it."""
        self.path = path
        self._schema, self._probe, self._what = schema, probe, what

    def do(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Do it on the file; where that turns out to be damaged, on a new one."""
        try:
            with closing(self._open()) as db:
                return action(db)
        except sqlite3.DatabaseError as error:
            if not any(words in str(error) for words in _NOT_THIS_DATABASE):
                raise
            self._set_aside(error)
        with closing(self._open()) as db:
            return action(db)

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self.path.with_name(f"{self.path.name}.broken-{time.time_ns()}")
        logger.warning("%s %s cannot be read (%s): moved to %s", self._what, self.path, error, aside.name)
        with suppress(FileNotFoundError):  # another process was faster
            self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=60)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(self._schema)
            db.execute(self._probe).fetchone()
        except BaseException:
            db.close()
            raise
        return db
